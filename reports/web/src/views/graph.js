import { arrow, functionLink, placeText } from "../links.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "graph";
export const title = t("Graph");
export const key = "2";

export function available(doc) {
  return doc.calls.length > 0;
}

let table;

export function render(container, doc, state) {
  const sites = (call) => call.sites.map((number) => placeText(doc.sites[number].file, doc.sites[number].line)).join(", ");
  table = boundTable(container, state, "call", {
    label: t("Calls"),
    rows: doc.calls,
    columns: [
      { id: "caller", title: t("Caller"), value: (each) => doc.functions[each.caller].name, show: (each) => functionLink(state, each.caller), width: "minmax(12rem, 1fr)" },
      { id: "kind", title: t("Kind"), value: (each) => doc.kind(each.kind).label, show: (each) => arrow(doc, each.kind), width: "4rem" },
      { id: "callee", title: t("Callee"), value: (each) => doc.functions[each.callee].name, show: (each) => functionLink(state, each.callee), width: "minmax(12rem, 1fr)" },
      { id: "hits", title: t("Stacks"), value: (each) => each.hits, number: true, width: "5rem" },
      { id: "sites", title: t("Call sites"), value: sites, width: "minmax(12rem, 1fr)" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
