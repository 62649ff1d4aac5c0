import { copyButton } from "../copy.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { arrow } from "../links.js";

export const name = "provenance";
export const title = t("Recording");
export const key = "0";

export function available() {
  return true;
}

export function render(container, doc) {
  container.append(
    doc.problems.length ? h("section", {}, h("h3", { text: t("What is incomplete or could not be observed") }), h("ul", { class: "problems-list" }, doc.problems.map((each) => h("li", { text: each.text })))) : "",
    facts(doc, -1), kinds(doc), ...doc.runs.map((run) => runSection(doc, run)));
}

/** Nothing here depends on the selection or the filter. */
export function update() {}

function facts(doc, run) {
  return h("dl", { class: "facts" }, doc.facts.filter((fact) => fact.run === run).map((fact) => [h("dt", { text: fact.name }), h("dd", { text: fact.value })]));
}

function kinds(doc) {
  return h("section", {}, h("h3", { text: t("Kinds of calls") }),
    plainTable([t("Arrow"), t("Kind"), t("Meaning"), t("Calls")], doc.call_kinds.map((kind) =>
      [arrow(doc, kind.row), kind.label, kind.sentence, String(kind.calls)])));
}

function plainTable(titles, rows) {
  const last = titles.length - 1;
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": titles.join(", ") }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, titles.map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, position) => h("td", { class: position === last ? "number" : null }, cell)))))));
}

function runSection(doc, run) {
  const threads = doc.threads.filter((thread) => thread.run === run.row);
  return h("section", {},
    h("h3", { text: run.name || (doc.page.imported ? t("Imported text") : t("Run")) }),
    facts(doc, run.row),
    h("h4", { text: t("Threads") }),
    plainTable([t("Thread"), t("Starts in"), t("Created by"), t("Stacks")], threads.map((thread) =>
      [thread.label, h("code", { text: thread.start }), h("code", { text: thread.creator }), String(thread.stops)])),
    terminal(doc.page.imported ? "" : run.command, t("Command line")),
    terminal(run.serial_output, t("Serial output of the guest")),
    terminal(run.qemu_messages, t("Messages of QEMU")));
}

function terminal(text, heading) {
  if (!text) return null;
  const box = h("pre", { class: "terminal", tabindex: "0", "aria-label": heading, text });
  return [h("h4", { text: heading }), h("div", { class: "copyable" }, copyButton(box, heading), box)];
}
