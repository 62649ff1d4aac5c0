import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "timeline";
export const title = t("Timeline");
export const key = "4";

export function available(doc) {
  return doc.milestones.length > 0 && !doc.page.imported;
}

let table;

export function render(container, doc, state) {
  const when = (each) => (each.time !== null ? each.time.toFixed(3) : each.required ? t("never") : each.passed ? t("before the recording") : "–");
  table = boundTable(container, state, "milestone", {
    label: t("Milestones"),
    rows: doc.milestones,
    columns: [
      { id: "time", title: t("Time in s"), value: (each) => each.time, show: when, number: true, width: "9rem" },
      { id: "title", title: t("Milestone"), value: (each) => each.title, width: "minmax(14rem, 2fr)" },
      { id: "function", title: t("Function or ioctl"), value: (each) => each.function, width: "minmax(12rem, 1fr)" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
