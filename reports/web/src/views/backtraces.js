import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "backtraces";
export const title = t("Backtraces");
export const key = "9";

export function available(doc) {
  return doc.stops.length > 0;
}

let table;

export function render(container, doc, state) {
  table = boundTable(container, state, "stop", {
    label: t("Backtraces"),
    rows: doc.stops,
    columns: [
      { id: "time", title: t("Time in s"), value: (each) => each.time, show: (each) => each.time.toFixed(3), number: true, width: "6rem" },
      { id: "heading", title: t("Stack"), value: (each) => each.heading, width: "minmax(18rem, 3fr)" },
      { id: "thread", title: t("Thread"), value: (each) => doc.threads[each.thread].label, width: "minmax(8rem, 1fr)" },
      { id: "depth", title: t("Frames"), value: (each) => doc.nodesOf(each.stack).length, number: true, width: "5rem" },
      { id: "count", title: t("Count"), value: (each) => each.count, number: true, width: "5rem" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
