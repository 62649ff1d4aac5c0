import { functionLink } from "../links.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "functions";
export const title = t("Functions");
export const key = "8";

export function available(doc) {
  return doc.functions.length > 0;
}

let table;

export function render(container, doc, state) {
  table = boundTable(container, state, "function", {
    label: t("Functions"),
    rows: doc.functions,
    sort: { column: "hits", descending: true },
    columns: [
      { id: "name", title: t("Function"), value: (each) => each.name, show: (each) => functionLink(state, each.row), width: "minmax(12rem, 2fr)" },
      { id: "file", title: t("File"), value: (each) => each.file || each.where, width: "minmax(10rem, 2fr)" },
      { id: "hits", title: t("Frames"), value: (each) => each.hits, number: true, width: "6rem" },
      { id: "callers", title: t("Callers"), value: (each) => doc.callersOf(each).length, number: true, width: "6rem" },
      { id: "callees", title: t("Callees"), value: (each) => doc.calleesOf(each).length, number: true, width: "6rem" },
      { id: "threads", title: t("Threads"), value: (each) => each.threads.join(", "), width: "minmax(8rem, 1fr)" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
