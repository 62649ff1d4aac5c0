import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * A list to choose one value of a column from; the choice is an option of the page's address.
 * @param {import("./state.js").State} state @param {string} option name of the option @param {string} title
 * @param {(string|number|null)[]} values of all rows @returns {HTMLElement}
 */
export function choice(state, option, title, values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
  const ordered = [...counts].filter(([value]) => value !== null && value !== "").sort(([a], [b]) => String(a).localeCompare(String(b), "en", { numeric: true }));
  const chosen = state.option(option);
  return h("label", { class: "choice" }, h("span", { text: title }),
    h("select", { onchange: (event) => state.setOption(option, event.target.value) },
      h("option", { value: "", text: t("all") }),
      ordered.map(([value, count]) => h("option", { value, selected: String(value) === chosen, text: `${value} (${count})` }))));
}

/** A box that is an option of the page's address. @param {import("./state.js").State} state @param {string} option @param {string} title */
export function toggle(state, option, title) {
  return h("label", { class: "choice" },
    h("input", { type: "checkbox", checked: state.option(option) === "1", onchange: (event) => state.setOption(option, event.target.checked ? "1" : "") }),
    h("span", { text: title }));
}
