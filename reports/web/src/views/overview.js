import { h } from "../dom.js";
import { t } from "../i18n.js";
import { placeText } from "../links.js";

export const name = "overview";
export const title = t("Overview");
export const key = "o";

export function available() {
  return true;
}

/** What happened: the chapters, what could not be observed, and what the guest wrote. */
export function render(container, doc, state) {
  container.append(
    doc.problems.length ? h("section", { class: "problems" }, h("h3", { text: t("Not observed or incomplete") }), h("ul", {}, doc.problems.map((problem) => h("li", { text: problem.text })))) : "",
    h("ol", { class: "phases" }, doc.chapters.map((chapter) => {
      const last = doc.steps[chapter.steps[chapter.steps.length - 1]];
      return h("li", {}, h("b", { text: chapter.title }), " ", h("small", { text: chapter.thread }), h("div", {}, h("code", { text: last.name }), " ", h("span", { class: "place", text: placeText(last.file, last.line) })));
    })),
    ...doc.runs.filter((run) => run.serial_output).map((run) => h("section", {}, h("h3", { text: t("Serial output of the guest") }), h("pre", { class: "terminal", tabindex: "0", text: run.serial_output }))));
}

/** Nothing here depends on the selection or the filter. */
export function update() {}
