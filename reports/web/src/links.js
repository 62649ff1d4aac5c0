import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * A link that selects something; it keeps view and filter.
 * @param {import("./state.js").State} state @param {string} kind @param {number} row @param {string} text
 * @returns {HTMLElement} a plain text when there is no such row
 */
export function selectLink(state, kind, row, text) {
  if (row < 0) return h("span", { class: "name", text });
  const select = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    state.select(kind, row);
  };
  return h("a", { class: "name", href: state.href({ selection: { kind, row } }), onclick: select, text });
}

/** A link to a function. @param {import("./state.js").State} state @param {number} row @param {string} [text] */
export function functionLink(state, row, text) {
  return selectLink(state, "function", row, text ?? (row < 0 ? t("unknown") : state.doc.functions[row].name));
}

/** file:line as text. @param {string} file @param {number} line @returns {string} */
export function placeText(file, line) {
  return file && line ? `${file}:${line}` : file;
}

/**
 * A place in the source: file:line, as a link to the code host and the editor when the page knows their addresses.
 * @param {import("./document.js").Doc} doc @param {string} file @param {number} line
 */
export function placeLink(doc, file, line) {
  const text = placeText(file, line);
  const source = placeAddress(doc.page.source_url, { file, line });
  const editor = placeAddress(doc.page.editor_url, { path: `${doc.page.source_root}/${file}`, line });
  if (!file || file.startsWith("/") || !(source || editor)) return h("span", { class: "place", text });
  const outside = { target: "_blank", rel: "noopener noreferrer" };
  return h("span", { class: "place" }, h("a", { href: source || editor, ...(source ? outside : {}), text }),
    source && editor ? [" ", h("a", { href: editor, "aria-label": t("open {place} in the editor", { place: text }), text: t("edit") })] : null);
}

/** The address of a template; "" without one, and for a scheme that runs a script. */
function placeAddress(template, values) {
  if (!template || /^\s*(javascript|data|vbscript|blob):/i.test(template)) return "";
  return template.replace(/\{(file|path|line)\}/g, (whole, name) => (name in values ? encodeURI(String(values[name])).replace(/[#?]/g, encodeURIComponent) : whole));
}

/**
 * The arrow of a call kind, with its words for those who do not see it.
 * @param {import("./document.js").Doc} doc @param {number} kind row of `call_kinds`, -1 for an outermost function
 */
export function arrow(doc, kind) {
  const words = doc.kind(kind);
  if (!words) return null;
  return h("span", { class: `arrow kind-${words.kind}`, title: words.label, role: "img", "aria-label": words.label, text: words.arrow });
}
