import { backtraceBox } from "../backtrace.js";
import { choice, toggle } from "../choices.js";
import { grouped } from "../document.js";
import { h, replace } from "../dom.js";
import { folded } from "../folded.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "backtraces";
export const title = t("Backtraces");
export const key = "9";

export function available(doc) {
  return doc.stops.length > 0;
}

let table;
let choices;
let text;

export function render(container, doc, state) {
  choices = h("div", { class: "choices" });
  text = h("section", { "aria-label": t("Selected backtrace") });
  container.append(choices);
  table = boundTable(container, state, "stop", {
    label: t("Backtraces"), rows: shownRows(doc, state), columns: columns(doc),
    selected: (row) => row.members.some((member) => state.isSelected("stop", member.row)),
    onselect: (row) => state.select("stop", row.row),
  });
  container.append(text);
  draw(doc, state);
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  if (change.options) table.update({ rows: shownRows(doc, state) });
  followState(table, state, change);
  draw(doc, state);
}

function draw(doc, state) {
  replace(choices, choice(state, "thread-name", t("Thread"), doc.stops.map((each) => doc.threads[each.thread].label)),
    choice(state, "why", t("Reason"), doc.stops.map((each) => each.reason)), toggle(state, "each", t("show each stop")));
  const stop = state.selection?.kind === "stop" ? doc.stops[state.selection.row] : null;
  replace(text, stop ? [h("h3", { text: stop.heading }), backtraceBox(doc, stop)] : h("p", { class: "hint", text: t("Select a row to read its backtrace in gdb's format.") }));
}

/** Distinct stacks of a thread with the sum of their hits; or each stop. */
function shownRows(doc, state) {
  const [thread, why] = [state.option("thread-name"), state.option("why")];
  const wanted = doc.stops.filter((each) => (!thread || doc.threads[each.thread].label === thread) && (!why || each.reason === why));
  const groups = state.option("each") ? wanted.map((each) => [each]) : [...grouped(wanted, (each) => `${each.thread} ${each.stack}`).values()];
  return folded(groups);
}

function columns(doc) {
  return [
    { id: "time", title: t("First at, in s"), value: (each) => each.first.time, show: (each) => each.first.time.toFixed(3), number: true, width: "9rem" },
    { id: "heading", title: t("Stack"), value: (each) => each.first.heading, width: "minmax(18rem, 3fr)" },
    { id: "thread", title: t("Thread"), value: (each) => doc.threads[each.first.thread].label, width: "minmax(8rem, 1fr)" },
    { id: "depth", title: t("Frames"), value: (each) => doc.nodesOf(each.first.stack).length, number: true, width: "6rem" },
    { id: "count", title: t("Count"), value: (each) => each.count, number: true, width: "6rem" },
  ];
}
