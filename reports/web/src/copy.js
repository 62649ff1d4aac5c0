import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * A button that copies the text of an element.
 * @param {HTMLElement} element @param {string} label what is copied @returns {HTMLElement}
 */
export function copyButton(element, label) {
  const button = h("button", { type: "button", class: "copy", "aria-label": t("Copy: {what}", { what: label }), text: t("Copy") });
  button.addEventListener("click", async () => {
    button.textContent = (await copied(element)) ? t("Copied") : t("Press Ctrl-C");
  });
  return button;
}

/** A page in a file may not be allowed to write to the clipboard: then the text is selected. */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
