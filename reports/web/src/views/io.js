import { h } from "../dom.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "io";
export const title = t("I/O");
export const key = "6";

export function available(doc) {
  return doc.accesses.length > 0 || doc.exits.length > 0;
}

let table;

export function render(container, doc, state) {
  container.append(h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, [t("KVM exit to QEMU"), t("Exits"), t("Recorded")].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, doc.exits.map((exit) => h("tr", {}, h("td", {}, h("code", { text: exit.reason })), h("td", { class: "number", text: String(exit.exits) }), h("td", { class: "number", text: String(exit.recorded) }))))));
  const devices = (access) => access.device_calls.map((number) => doc.device_calls[number].device_name).join(", ");
  table = boundTable(container, state, "access", {
    label: t("I/O accesses"),
    rows: doc.accesses,
    columns: [
      { id: "time", title: t("Time in s"), value: (each) => each.time, show: (each) => each.time.toFixed(6), number: true, width: "7rem" },
      { id: "thread", title: t("Thread"), value: (each) => each.thread, width: "7rem" },
      { id: "access", title: t("Guest"), value: (each) => each.access, width: "minmax(14rem, 2fr)" },
      { id: "count", title: t("Count"), value: (each) => each.count, number: true, width: "5rem" },
      { id: "kvm", title: t("KVM"), value: (each) => each.kvm, width: "minmax(9rem, 1fr)" },
      { id: "device", title: t("Device function"), value: devices, width: "minmax(10rem, 1fr)" },
      { id: "returned", title: t("Returned"), value: (each) => each.returned, width: "minmax(10rem, 1fr)" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
