import { h, replace } from "../dom.js";
import { matcher } from "../filter.js";
import { t, tn } from "../i18n.js";
import { arrow, functionLink, placeLink, placeText, selectLink } from "../links.js";
import { pointerSection } from "../panel.js";
import { sourceExcerpt } from "../source.js";

export const name = "story";
export const title = t("Story");
export const key = "1";

export function available(doc) {
  return doc.chapters.length > 0;
}

const opened = new Set(); // numbers of the steps whose cards are open

/** The chains to the milestones: a card for each function, folded to a line. */
export function render(container, doc, state) {
  const chapters = doc.chapters.map((chapter) => chapterArticle(doc, state, chapter));
  container.append(tools(container, doc, state), ...chapters);
  if (state.option("open") === "all") openAll(container, doc, state, true);
  applyFilter(container, doc, state);
  const chosen = doc.chapters.findIndex((chapter) => chapter.milestone === state.option("chapter"));
  if (chosen >= 0) chapters[chosen].scrollIntoView({ block: "start" });
  const walk = (event) => walkChain(event, container);
  document.addEventListener("keydown", walk);
  return () => document.removeEventListener("keydown", walk);
}

export function update(container, doc, state, change) {
  if (change.filter) applyFilter(container, doc, state);
  if (change.selection) markSelected(container, doc, state);
  if (change.options) openAll(container, doc, state, state.option("open") === "all");
}

function tools(container, doc, state) {
  const setAll = (all) => {
    if ((state.option("open") === "all") === all) openAll(container, doc, state, all);
    else state.setOption("open", all ? "all" : "");
  };
  return h("div", { class: "story-tools" },
    h("span", {}, h("button", { type: "button", id: "expand-all", onclick: () => setAll(true), text: t("Expand all") }), " ",
      h("button", { type: "button", id: "fold-all", onclick: () => setAll(false), text: t("Fold all") })),
    h("ul", { class: "legend", "aria-label": t("Kinds of calls") }, doc.call_kinds.filter((kind) => kind.calls).map((kind) =>
      h("li", {}, arrow(doc, kind.row), " ", t("{sentence} ({count})", { sentence: kind.sentence, count: kind.calls })))));
}

function chapterArticle(doc, state, chapter) {
  const steps = chapter.steps.map((number) => doc.steps[number]);
  const shared = steps.slice(0, chapter.shared);
  const cards = h("ol", { class: "chain" }, steps.slice(chapter.shared).map((step) => card(doc, state, step)));
  return h("article", { class: "chapter", "data-milestone": chapter.milestone },
    h("h3", {}, chapter.title, " ", h("small", { text: chapter.thread })),
    h("p", { class: "hint", text: chapter.about }),
    shared.length ? sharedSteps(doc, state, shared) : null, cards);
}

/** A button that shows the steps shared with the previous chain; they are not in the DOM before. */
function sharedSteps(doc, state, steps) {
  const list = h("ol", { class: "chain" });
  const names = steps.map((step) => step.name).join(" › ");
  const button = h("button", { type: "button", class: "shared", "aria-expanded": "false", text: t("{count} shared with the previous chain: {names}", { count: tn(steps.length, "{count} function", "{count} functions"), names }) });
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(open));
    replace(list, open ? steps.map((step) => card(doc, state, step)) : []);
  });
  return h("div", {}, button, list);
}

function card(doc, state, step) {
  const kind = doc.kind(step.kind);
  const body = h("div", { class: "card-body", hidden: true, id: `step-${step.row}` });
  const fold = h("button", { type: "button", class: "fold", "aria-expanded": "false", "aria-controls": body.id, "aria-label": t("source and details of {function}", { function: step.name }) });
  const element = h("li", { class: `step card call-${kind ? kind.kind : "root"}`, "data-step": step.row },
    h("div", { class: "card-line" }, fold,
      kind ? [arrow(doc, step.kind), h("span", { class: "how", text: kind.sentence })] : h("span", { class: "how", text: t("starts here") }),
      functionLink(state, step.function, step.name), placeLink(doc, step.file, step.line),
      step.pointers.map((pointer) => slot(doc, state, doc.pointers[pointer]))),
    body);
  const set = (open) => setOpen(doc, state, step, fold, body, open);
  fold.addEventListener("click", () => set(body.hidden));
  element.setOpen = set;
  if (opened.has(step.row)) set(true);
  if (state.isSelected("function", step.function)) element.classList.add("chosen");
  return element;
}

/** The slot of a pointer, and the last step that set it. */
function slot(doc, state, pointer) {
  const origin = doc.origins[pointer.origins[pointer.origins.length - 1]];
  const through = h("span", {}, t("through"), " ", selectLink(state, "pointer", pointer.row, pointer.slot));
  if (!origin) return h("span", { class: "slot" }, through, h("span", { text: `, ${pointer.outcome}` }));
  return h("span", { class: "slot" }, through, ", ", h("span", { class: "set-by", text: [origin.sentence, placeText(origin.file, origin.line)].filter(Boolean).join(", ") }));
}

function setOpen(doc, state, step, fold, body, open) {
  fold.setAttribute("aria-expanded", String(open));
  body.hidden = !open;
  if (open) opened.add(step.row);
  else opened.delete(step.row);
  if (open && !body.firstChild) body.append(...details(doc, state, step));
}

function details(doc, state, step) {
  const content = [
    step.arguments ? h("p", { class: "arguments", text: `(${step.arguments})` }) : null,
    step.instruction ? h("p", {}, t("The call instruction:"), " ", h("code", { text: step.instruction })) : null,
    sourceExcerpt(doc, step.file, step.line),
    ...step.pointers.map((pointer) => pointerSection(doc, state, pointer)),
  ].filter(Boolean);
  return content.length ? content : [h("p", { class: "hint", text: t("The recording has no source line and no arguments of this function.") })];
}

function openAll(container, doc, state, open) {
  for (const element of container.querySelectorAll(".card")) element.setOpen(open);
}

function applyFilter(container, doc, state) {
  const matches = matcher(state.filter);
  for (const element of container.querySelectorAll(".card")) {
    const step = doc.steps[element.dataset.step];
    const slots = step.pointers.map((pointer) => doc.pointers[pointer].slot);
    element.hidden = !matches([step.name, step.file, doc.kind(step.kind)?.label, ...slots].join(" "));
  }
}

function markSelected(container, doc, state) {
  for (const element of container.querySelectorAll(".card")) {
    element.classList.toggle("chosen", state.isSelected("function", doc.steps[element.dataset.step].function));
  }
}

/** Arrows walk along the chain: up and down to the next card, right opens it, left folds it. */
function walkChain(event, container) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || document.querySelector("dialog[open]")) return;
  const inside = container.contains(event.target);
  if (!inside && event.target !== document.body && !event.target.matches(".view-title")) return;
  const folds = [...container.querySelectorAll(".card:not([hidden]) .fold")];
  const current = event.target.closest?.(".card");
  const at = current ? folds.indexOf(current.querySelector(".fold")) : -1;
  if (event.key === "ArrowDown" && at + 1 < folds.length) focus(folds[at + 1]);
  else if (event.key === "ArrowUp" && at > 0) focus(folds[at - 1]);
  else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && current && !event.target.closest("pre")) current.setOpen(event.key === "ArrowRight");
  else return;
  event.preventDefault();
}

function focus(fold) {
  fold.focus();
  fold.scrollIntoView({ block: "nearest" });
}
