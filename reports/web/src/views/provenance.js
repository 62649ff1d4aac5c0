import { h } from "../dom.js";
import { t } from "../i18n.js";

export const name = "provenance";
export const title = t("Recording");
export const key = "0";

export function available() {
  return true;
}

export function render(container, doc) {
  container.append(facts(doc, -1), ...doc.runs.map((run) => runSection(doc, run)));
}

/** Nothing here depends on the selection or the filter. */
export function update() {}

function facts(doc, run) {
  return h("dl", { class: "facts" }, doc.facts.filter((fact) => fact.run === run).map((fact) => [h("dt", { text: fact.name }), h("dd", { text: fact.value })]));
}

function runSection(doc, run) {
  const threads = doc.threads.filter((thread) => thread.run === run.row);
  return h("section", {},
    h("h3", { text: run.name || (doc.page.imported ? t("Imported text") : t("Run")) }),
    facts(doc, run.row),
    h("h4", { text: t("Threads") }),
    h("div", { class: "wide" }, h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, [t("Thread"), t("Starts in"), t("Created by"), t("Stacks")].map((text) => h("th", { scope: "col", text })))),
      h("tbody", {}, threads.map((thread) => h("tr", {}, h("td", { text: thread.label }), h("td", {}, h("code", { text: thread.start })), h("td", {}, h("code", { text: thread.creator })), h("td", { class: "number", text: String(thread.stops) })))))),
    terminal(doc.page.imported ? "" : run.command, t("Command line")),
    terminal(run.serial_output, t("Serial output of the guest")),
    terminal(run.qemu_messages, t("Messages of QEMU")));
}

function terminal(text, heading) {
  return text ? [h("h4", { text: heading }), h("pre", { class: "terminal", tabindex: "0", "aria-label": heading, text })] : null;
}
