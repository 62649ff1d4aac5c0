import { functionLink, placeText } from "../links.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "pointers";
export const title = t("Pointers");
export const key = "7";

export function available(doc) {
  return doc.pointers.length > 0;
}

let table;

export function render(container, doc, state) {
  const set = (pointer) => pointer.origins.map((number) => doc.origins[number]).map((origin) => [origin.sentence, placeText(origin.file, origin.line)].filter(Boolean).join(", "));
  table = boundTable(container, state, "pointer", {
    label: t("Pointers"),
    rows: doc.pointers,
    columns: [
      { id: "slot", title: t("Slot"), value: (each) => each.slot, width: "minmax(14rem, 2fr)" },
      { id: "caller", title: t("Caller"), value: (each) => doc.functions[each.caller].name, show: (each) => functionLink(state, each.caller), width: "minmax(10rem, 1fr)" },
      { id: "callee", title: t("Target"), value: (each) => doc.functions[each.callee].name, show: (each) => functionLink(state, each.callee), width: "minmax(10rem, 1fr)" },
      { id: "set", title: t("Set by"), value: (each) => set(each).join("; ") || `${each.outcome}: ${each.reason}`, width: "minmax(18rem, 3fr)" },
    ],
  });
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  followState(table, state, change);
}
