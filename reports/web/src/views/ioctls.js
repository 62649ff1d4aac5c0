import { h } from "../dom.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "ioctls";
export const title = t("Ioctls");
export const key = "5";

export function available(doc) {
  return doc.ioctls.length > 0;
}

let table;

export function render(container, doc, state) {
  container.append(
    h("ol", { class: "descriptors" }, doc.descriptors.map((each) => h("li", { class: `depth-${each.depth}` },
      each.request ? [h("code", { text: each.request }), " → "] : null, h("b", { text: each.name }), " ", h("small", { text: each.file }), " ", h("small", { text: t("{count} ioctls", { count: each.ioctls }) })))),
    ...doc.runs.filter((run) => run.kernel_note).map((run) => h("p", { class: "hint", text: run.kernel_note })));
  table = boundTable(container, state, "ioctl", {
    label: t("Ioctl log"),
    rows: doc.ioctls,
    columns: [
      { id: "time", title: t("Time in s"), value: (each) => each.time, show: (each) => (each.time === null ? "" : each.time.toFixed(6)), number: true, width: "7rem" },
      { id: "thread", title: t("Thread"), value: (each) => each.thread, width: "minmax(7rem, 1fr)" },
      { id: "descriptor", title: t("Descriptor"), value: (each) => [each.descriptor, each.fd].filter((word) => word !== null && word !== "").join(" "), width: "minmax(7rem, 1fr)" },
      { id: "request", title: t("Request"), value: (each) => each.request, width: "minmax(12rem, 2fr)" },
      { id: "argument", title: t("Argument"), value: (each) => each.argument, width: "minmax(12rem, 2fr)" },
      { id: "result", title: t("Result"), value: (each) => each.result, width: "minmax(8rem, 1fr)" },
      { id: "function", title: t("Issued by"), value: (each) => each.function, width: "minmax(10rem, 1fr)" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
