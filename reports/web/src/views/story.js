import { h } from "../dom.js";
import { t } from "../i18n.js";
import { arrow, functionLink, placeLink } from "../links.js";

export const name = "story";
export const title = t("Story");
export const key = "1";

export function available(doc) {
  return doc.chapters.length > 0;
}

export function render(container, doc, state) {
  container.append(...doc.chapters.map((chapter) => h("article", { class: "chapter" },
    h("h3", { text: chapter.title }), h("p", { class: "hint", text: chapter.about }),
    h("ol", { class: "chain" }, chapter.steps.slice(chapter.shared).map((number) => stepLine(doc, state, doc.steps[number]))))));
}

function stepLine(doc, state, step) {
  return h("li", { class: "step" }, arrow(doc, step.kind), " ", functionLink(state, step.function, step.name), " ", placeLink(doc, step.file, step.line),
    step.pointers.map((pointer) => h("span", { class: "slot", text: t("through {slot}", { slot: doc.pointers[pointer].slot }) })));
}
