import { h } from "../dom.js";
import { functionLink } from "../links.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "flame";
export const title = t("Flame");
export const key = "3";

export function available(doc) {
  return doc.stops.length > 0;
}

let table;

/** The merged stacks as a tree in a table: each function below its caller, with the stacks that contain it. */
export function render(container, doc, state) {
  table = boundTable(container, state, "", {
    label: t("Merged stacks"),
    rows: merged(doc),
    columns: [
      { id: "name", title: t("Function"), value: (each) => each.name, width: "minmax(20rem, 3fr)",
        show: (each) => h("span", {}, "\u00a0\u00a0".repeat(each.depth), functionLink(state, each.function, each.name)) },
      { id: "hits", title: t("Stacks"), value: (each) => each.hits, number: true, width: "6rem" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}

/** The nodes of the tree in the order of a walk from the root. */
function merged(doc) {
  const root = new Map();
  for (const stop of doc.stops) {
    let children = root;
    for (const frame of doc.framesOf(stop.stack).reverse()) {
      const key = frame.function >= 0 ? frame.function : frame.name;
      if (!children.has(key)) children.set(key, { name: frame.function >= 0 ? doc.functions[frame.function].name : frame.name, function: frame.function, hits: 0, children: new Map() });
      children.get(key).hits += stop.count;
      children = children.get(key).children;
    }
  }
  return [...walk(root, 0)];
}

function* walk(children, depth) {
  for (const node of children.values()) {
    yield { ...node, depth };
    yield* walk(node.children, depth + 1);
  }
}
