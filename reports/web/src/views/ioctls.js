import { choice } from "../choices.js";
import { h, replace } from "../dom.js";
import { t } from "../i18n.js";
import { boundTable, followState } from "../table.js";

export const name = "ioctls";
export const title = t("Ioctls");
export const key = "5";

export function available(doc) {
  return doc.ioctls.length > 0;
}

let table;
let choices;
let totals;

export function render(container, doc, state) {
  choices = h("div", { class: "choices" });
  totals = h("div", { class: "totals" });
  container.append(hierarchy(doc, state), ...notes(doc), choices, totals);
  table = boundTable(container, state, "ioctl", { label: t("Ioctl log"), rows: chosenRows(doc, state), columns: COLUMNS, onshown: (shown) => showTotals(shown) });
  drawChoices(doc, state);
  return () => table.destroy();
}

export function update(container, doc, state, change) {
  if (change.options) {
    table.update({ rows: chosenRows(doc, state) });
    drawChoices(doc, state);
    container.querySelector(".hierarchy").replaceWith(hierarchy(doc, state));
  }
  followState(table, state, change);
}

const COLUMNS = [
  { id: "time", title: t("Time in s"), value: (each) => each.time, show: (each) => (each.time === null ? "" : each.time.toFixed(6)), number: true, width: "7rem" },
  { id: "thread", title: t("Thread"), value: (each) => each.thread, width: "minmax(7rem, 1fr)" },
  { id: "descriptor", title: t("Descriptor"), value: descriptor, width: "minmax(7rem, 1fr)" },
  { id: "request", title: t("Request"), value: (each) => each.request, width: "minmax(12rem, 2fr)" },
  { id: "argument", title: t("Argument"), value: (each) => each.argument, width: "minmax(12rem, 2fr)" },
  { id: "result", title: t("Result"), value: (each) => each.result, width: "minmax(8rem, 1fr)" },
  { id: "function", title: t("Issued by"), value: (each) => each.function, width: "minmax(10rem, 1fr)" },
  { id: "kernel", title: t("Kernel"), value: kernel, width: "minmax(12rem, 1fr)" },
];

function descriptor(each) {
  return [each.descriptor, each.fd].filter((word) => word !== null && word !== "").join(" ");
}

function kernel(each) {
  const names = each.kernel.join(" → ");
  return each.observed || !names ? names : t("{functions} (not observed)", { functions: names });
}

function chosenRows(doc, state) {
  const wanted = { fd: state.option("fd"), request: state.option("request"), thread: state.option("thread-name") };
  return doc.ioctls.filter((each) =>
    (!wanted.fd || descriptor(each) === wanted.fd) && (!wanted.request || each.request === wanted.request) && (!wanted.thread || each.thread === wanted.thread));
}

function drawChoices(doc, state) {
  replace(choices,
    choice(state, "fd", t("Descriptor"), doc.ioctls.map(descriptor)),
    choice(state, "request", t("Request"), doc.ioctls.map((each) => each.request)),
    choice(state, "thread-name", t("Thread"), doc.ioctls.map((each) => each.thread)));
}

/** How often each request is among the rows shown, most frequent first. */
function showTotals(shown) {
  const counts = new Map();
  for (const each of shown) counts.set(each.request, (counts.get(each.request) || 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  replace(totals, h("details", {},
    h("summary", { text: t("Totals: {requests} different requests, {ioctls} ioctls", { requests: counts.size, ioctls: shown.length }) }),
    h("div", { class: "wide" }, h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", text: t("Request") }), h("th", { scope: "col", class: "number", text: t("Ioctls") }))),
      h("tbody", {}, ordered.map(([request, count]) => h("tr", {}, h("td", {}, h("code", { text: request })), h("td", { class: "number", text: String(count) }))))))));
}

function notes(doc) {
  return doc.runs.filter((run) => run.kernel_note).map((run) => h("p", { class: "hint", text: run.kernel_note }));
}

/** The descriptors as a tree; each shows only its ioctls. */
function hierarchy(doc, state) {
  const chosen = state.option("fd");
  return h("ol", { class: "descriptors hierarchy", "aria-label": t("Hierarchy of the descriptors") }, doc.descriptors.map((each) => {
    const fd = doc.ioctls.find((ioctl) => ioctl.run === each.run && each.name.endsWith(`_fd ${ioctl.fd}`));
    const value = fd ? descriptor(fd) : "";
    const name = value
      ? h("button", { type: "button", class: "link", "aria-pressed": String(chosen === value), onclick: () => state.setOption("fd", chosen === value ? "" : value), text: each.name })
      : h("b", { text: each.name });
    return h("li", { class: `depth-${each.depth}` }, each.request ? [h("code", { text: each.request }), " → "] : null, name, " ",
      h("small", { text: each.file }), " ", h("small", { text: t("{count} ioctls", { count: each.ioctls }) }));
  }));
}
