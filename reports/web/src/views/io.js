import { choice, toggle } from "../choices.js";
import { grouped } from "../document.js";
import { h, replace } from "../dom.js";
import { folded } from "../folded.js";
import { t } from "../i18n.js";
import { arrow, functionLink, selectLink } from "../links.js";
import { boundTable, followState } from "../table.js";

export const name = "io";
export const title = t("I/O");
export const key = "6";

export function available(doc) {
  return doc.accesses.length > 0 || doc.exits.length > 0;
}

let table;
let lanes;
let choices;

export function render(container, doc, state) {
  lanes = h("section", { class: "lanes-box", "aria-live": "polite" });
  choices = h("div", { class: "choices" });
  container.append(exits(doc, state), choices, lanes);
  table = doc.accesses.length ? boundTable(container, state, "access", {
    label: t("I/O accesses"), rows: shownRows(doc, state), columns: columns(doc),
    selected: (row) => row.members.some((member) => state.isSelected("access", member.row)),
    onselect: (row) => state.select("access", row.members[0].row),
  }) : null;
  draw(doc, state);
  return () => table?.destroy();
}

export function update(container, doc, state, change) {
  if (change.options) {
    table?.update({ rows: shownRows(doc, state) });
    container.querySelector(".exits").replaceWith(exits(doc, state));
  }
  if (table) followState(table, state, change);
  draw(doc, state);
}

function draw(doc, state) {
  if (!doc.accesses.length) return;
  replace(choices, choice(state, "reason", t("Exit or server"), doc.accesses.map((each) => each.kvm)),
    choice(state, "device", t("Device"), doc.accesses.flatMap((each) => devices(doc, each))),
    toggle(state, "unfold", t("show each access")));
  const selected = state.selection?.kind === "access" ? doc.accesses[state.selection.row] : doc.accesses[0];
  replace(lanes, fourLanes(doc, state, selected));
}

function devices(doc, access) {
  return access.device_calls.map((number) => doc.device_calls[number].device_name);
}

/** What makes two accesses equal: all but time and value. */
function sameness(doc, access) {
  return JSON.stringify([access.run, access.thread, access.access.replace(/0x[0-9a-f]+$/i, ""), access.kvm, access.kernel, access.device_calls.map((number) => doc.device_calls[number].chain_text + doc.device_calls[number].device_name)]);
}

/** The rows of the table: equal accesses folded, or each. */
function shownRows(doc, state) {
  const [reason, device] = [state.option("reason"), state.option("device")];
  const wanted = doc.accesses.filter((each) => (!reason || each.kvm === reason) && (!device || devices(doc, each).includes(device)));
  const groups = state.option("unfold") ? wanted.map((each) => [each]) : [...grouped(wanted, (each) => sameness(doc, each)).values()];
  return folded(groups);
}

function columns(doc) {
  const chain = (access) => access.device_calls.map((number) => doc.device_calls[number].chain_text).join("; ");
  return [
    { id: "time", title: t("First at, in s"), value: (each) => each.first.time, show: (each) => each.first.time.toFixed(6), number: true, width: "9rem" },
    { id: "count", title: t("Accesses"), value: (each) => each.count, number: true, width: "7rem" },
    { id: "access", title: t("Guest"), value: (each) => each.first.access, width: "minmax(14rem, 2fr)" },
    { id: "kvm", title: t("KVM"), value: (each) => each.first.kvm, width: "minmax(9rem, 1fr)" },
    { id: "qemu", title: t("QEMU"), value: (each) => chain(each.first), width: "minmax(12rem, 2fr)" },
    { id: "device", title: t("Device function"), value: (each) => devices(doc, each.first).join(", "), width: "minmax(10rem, 1fr)" },
    { id: "returned", title: t("Returned"), value: (each) => each.first.returned, width: "minmax(10rem, 1fr)" },
    { id: "thread", title: t("Thread"), value: (each) => each.first.thread, width: "7rem" },
  ];
}

/** Exits by reason; a reason shows only its accesses. */
function exits(doc, state) {
  const chosen = state.option("reason");
  const most = Math.max(1, ...doc.exits.map((exit) => exit.exits));
  return h("div", { class: "wide exits" }, h("table", { class: "plain" },
    h("caption", { text: t("Exits from the guest to QEMU, by reason") }),
    h("thead", {}, h("tr", {}, [t("KVM exit to QEMU"), t("Exits"), t("Recorded"), t("Share")].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, doc.exits.map((exit) => h("tr", {},
      h("td", {}, h("button", { type: "button", class: "link", "aria-pressed": String(chosen === exit.reason), onclick: () => state.setOption("reason", chosen === exit.reason ? "" : exit.reason), text: exit.reason })),
      h("td", { class: "number", text: String(exit.exits) }), h("td", { class: "number", text: String(exit.recorded) }),
      h("td", {}, h("meter", { min: "0", max: most, value: exit.exits, "aria-label": exit.reason })))))));
}

/** One access in four lanes: the guest, KVM, QEMU, the device. */
function fourLanes(doc, state, access) {
  const calls = access.device_calls.map((number) => doc.device_calls[number]);
  const lane = (heading, content) => h("section", { class: "lane" }, h("h3", { text: heading }), content);
  return [
    h("p", { class: "hint", text: t("An access at {time} s, {thread}; a row of the table shows another.", { time: access.time.toFixed(6), thread: access.thread }) }),
    h("div", { class: "lanes" },
      lane(t("Guest"), [h("p", { text: access.access }), access.instruction ? h("p", {}, h("code", { text: access.instruction })) : null, access.repetitions ? h("p", { class: "hint", text: access.repetitions }) : null]),
      lane(t("KVM"), [h("p", {}, h("code", { text: access.kvm })), access.kernel.map((each) => h("div", { class: "name", text: each })), access.exits ? null : h("p", { class: "hint", text: t("does not exit to QEMU") })]),
      lane(t("QEMU"), calls.map((call) => h("div", { class: "lane-call" }, call.coalesced ? h("p", { class: "hint", text: t("for an earlier write that KVM coalesced:") }) : null,
        call.chain.map((number, position) => h("div", {}, number < 0 ? h("span", { class: "name", text: t("unknown") }) : functionLink(state, number), position < call.chain.length - 1 ? " ›" : null)),
        call.stop >= 0 ? h("small", {}, selectLink(state, "stop", call.stop, t("backtrace"))) : null))),
      lane(t("Device"), [calls.map((call) => h("div", { class: "lane-call" }, arrow(doc, call.kind), " ", functionLink(state, call.device, call.device_name),
        h("p", { class: "place", text: call.place }), call.arguments ? h("p", { class: "arguments", text: `(${call.arguments})` }) : null,
        call.slot ? h("p", { class: "slot", text: [t("through {slot}", { slot: call.slot }), call.set_by].filter(Boolean).join(", ") }) : null)),
      access.returned ? h("p", { class: "hint", text: access.returned }) : null])),
  ];
}
