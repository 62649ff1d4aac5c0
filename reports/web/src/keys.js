import { h } from "./dom.js";
import { t } from "./i18n.js";

/** Show the keys of the page in a dialog. @param {{title: string, key: string}[]} views */
export function showKeys(views) {
  const keys = [
    ["/", t("find a function, file, ioctl, slot or view (also Ctrl-K)")],
    ["f", t("go to the filter")],
    ["Esc", t("empty the filter, close the details")],
    ["?", t("show the keys")],
    ["↑ ↓", t("move in a table or along a chain; Enter selects")],
    ...views.map((view) => [view.key, t("view: {title}", { title: view.title })]),
  ];
  const dialog = h("dialog", { class: "keys", "aria-label": t("Keys") },
    h("h2", { text: t("Keys") }),
    h("dl", {}, keys.map(([key, text]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text })])),
    h("form", { method: "dialog" }, h("button", { text: t("Close") })));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
