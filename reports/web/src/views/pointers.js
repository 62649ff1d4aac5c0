import { choice } from "../choices.js";
import { h, replace } from "../dom.js";
import { functionLink, placeText } from "../links.js";
import { t, tn } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "pointers";
export const title = t("Pointers");
export const key = "7";

export function available(doc) {
  return doc.pointers.length > 0;
}

let table;
let choices;

export function render(container, doc, state) {
  choices = h("div", { class: "choices" });
  const unknown = doc.pointers.filter((each) => each.reason).length;
  container.append(
    h("p", { class: "hint", text: tn(doc.pointers.length, "{count} call through a pointer. Select one to see the statements that set it.", "{count} calls through pointers. Select one to see the statements that set it.") }),
    unknown ? h("p", { class: "problem", text: tn(unknown, "The origin of {count} pointer is unknown.", "The origins of {count} pointers are unknown.") }) : "", choices);
  table = boundTable(container, state, "pointer", { label: t("Pointers"), rows: chosenRows(doc, state), columns: columns(doc, state) });
  drawChoices(doc, state);
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  if (change.options) {
    table.update({ rows: chosenRows(doc, state) });
    drawChoices(doc, state);
  }
  followState(table, state, change);
}

function drawChoices(doc, state) {
  replace(choices, choice(state, "slot-kind", t("Kind of slot"), doc.pointers.map((each) => each.slot_kind)), choice(state, "outcome", t("Outcome"), doc.pointers.map((each) => each.outcome)));
}

function chosenRows(doc, state) {
  const [kind, outcome] = [state.option("slot-kind"), state.option("outcome")];
  return doc.pointers.filter((each) => (!kind || each.slot_kind === kind) && (!outcome || each.outcome === outcome));
}

function columns(doc, state) {
  const origins = (pointer) => pointer.origins.map((number) => doc.origins[number]);
  const setters = (pointer) => [...new Set(origins(pointer).map((origin) => origin.function_name).filter(Boolean))].join(", ");
  const places = (pointer) => origins(pointer).map((origin) => placeText(origin.file, origin.line)).filter(Boolean).join(", ");
  return [
    { id: "slot", title: t("Slot"), value: (each) => each.slot, width: "minmax(14rem, 2fr)" },
    { id: "caller", title: t("Caller"), value: (each) => doc.functions[each.caller].name, show: (each) => functionLink(state, each.caller), width: "minmax(10rem, 1fr)" },
    { id: "callee", title: t("Target"), value: (each) => doc.functions[each.callee].name, show: (each) => functionLink(state, each.callee), width: "minmax(10rem, 1fr)" },
    { id: "setter", title: t("Set by"), value: setters, width: "minmax(10rem, 1fr)" },
    { id: "place", title: t("Set in"), value: places, width: "minmax(12rem, 2fr)" },
    { id: "how", title: t("How"), value: (each) => origins(each).map((origin) => origin.sentence).join("; "), width: "minmax(16rem, 2fr)" },
    { id: "outcome", title: t("Outcome"), value: (each) => [each.outcome, each.reason].filter(Boolean).join(": "), width: "minmax(9rem, 1fr)" },
  ];
}
