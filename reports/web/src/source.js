import { h } from "./dom.js";
import { placeLink } from "./links.js";
import { t } from "./i18n.js";

/**
 * The recorded lines around a place, with a mark at the line itself.
 * @param {import("./document.js").Doc} doc @param {string} file @param {number} line @param {number} [around]
 * @returns {HTMLElement|null} null when the line was not recorded
 */
export function sourceExcerpt(doc, file, line, around = 2) {
  const lines = doc.source(file, line, around);
  if (!lines.length) return null;
  return h("figure", { class: "source" },
    h("figcaption", {}, placeLink(doc, file, line)),
    h("pre", { tabindex: "0", "aria-label": t("source of {file}, line {line}", { file, line }) }, lines.map(sourceLine)));
}

function sourceLine({ number, text, tokens, marked }) {
  return h("span", { class: marked ? "line marked" : "line" },
    h("span", { class: "mark", "aria-hidden": "true", text: marked ? "▶" : " " }),
    h("span", { class: "line-number", text: String(number) }), coloured(text, tokens), "\n");
}

/** The parts of a line, each with the class of its tokens: `k2 2 n1` is two characters of a keyword, two plain ones, … */
function coloured(text, tokens) {
  if (!tokens) return text;
  let at = 0;
  const parts = tokens.split(" ").map((run) => {
    const letter = /^[a-z]/.test(run) ? run[0] : "";
    const part = text.slice(at, (at += Number(run.slice(letter.length))));
    return letter ? h("span", { class: `token-${letter}`, text: part }) : part;
  });
  return [...parts, text.slice(at)];
}
