import { h, replace } from "./dom.js";
import { t } from "./i18n.js";

const MOST_SHOWN = 40;

/**
 * @typedef {{text: string, note: string, kind: string, run: () => void}} Entry
 */

/** Opens a dialog that finds functions, files, ioctls, slots and views, and shows what is chosen. */
export class Palette {
  /** @param {import("./document.js").Doc} doc @param {import("./state.js").State} state @param {{name: string, title: string}[]} views */
  constructor(doc, state, views) {
    this.doc = doc;
    this.state = state;
    this.views = views;
    this.list = h("ul", { id: "palette-list", role: "listbox", "aria-label": t("Found") });
    this.input = h("input", {
      type: "search", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", autocomplete: "off", "aria-label": t("Find a function, file, ioctl, slot or view"),
      placeholder: t("Find a function, file, ioctl, slot or view"), oninput: () => this._find(), onkeydown: (event) => this._key(event),
    });
    this.dialog = h("dialog", { class: "palette", "aria-label": t("Find") }, this.input, this.list);
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
  }

  /** Open the dialog, with nothing typed. */
  open() {
    if (this.dialog.open) return;
    this.input.value = "";
    this.dialog.showModal();
    this._find();
    this.input.focus();
  }

  _find() {
    const words = this.input.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.found = words.length ? best(this._entries(), words) : this._entries().slice(0, this.views.length);
    this.at = 0;
    this._draw();
  }

  _entries() {
    this._all ??= entries(this.doc, this.state, this.views);
    return this._all;
  }

  _draw() {
    replace(this.list, this.found.map((entry, position) => h("li", {
      role: "option", id: `palette-${position}`, "aria-selected": String(position === this.at), onclick: () => this._run(position),
    }, h("span", { class: "name", text: entry.text }), h("small", { text: entry.note }))));
    if (!this.found.length) replace(this.list, h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false", text: t("Nothing found.") }));
    if (this.found.length) this.input.setAttribute("aria-activedescendant", `palette-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  _key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && this.found.length) this.at = (this.at + moves[event.key] + this.found.length) % this.found.length;
    else if (event.key === "Enter") return event.preventDefault(), this._run(this.at);
    else return undefined;
    event.preventDefault();
    return this._draw();
  }

  _run(position) {
    this.dialog.close();
    this.found[position]?.run();
  }
}

/** All entries: views first, then functions, files, ioctls and slots. @returns {(Entry & {lower: string})[]} */
function entries(doc, state, views) {
  const all = [];
  const add = (text, note, run) => all.push({ text, note, run, lower: text.toLowerCase() });
  for (const view of views) add(view.title, t("view"), () => state.show(view.name));
  for (const each of doc.functions) add(each.name, each.file || each.where, () => state.select("function", each.row));
  for (const file of new Set(doc.functions.map((each) => each.file))) if (file) add(file, t("file"), () => filtered(state, "functions", file));
  for (const request of new Set(doc.ioctls.map((each) => each.request))) add(request, t("ioctl"), () => filtered(state, "ioctls", request));
  for (const pointer of doc.pointers) add(pointer.slot, t("pointer to {function}", { function: doc.functions[pointer.callee].name }), () => state.select("pointer", pointer.row));
  return all;
}

function filtered(state, view, text) {
  state.show(view);
  state.setFilter(text);
}

/** The entries that contain all words: those that begin with the first word come first, short ones before long ones. */
function best(all, words) {
  const found = all.filter((entry) => words.every((word) => entry.lower.includes(word)));
  const rank = (entry) => (entry.lower === words[0] ? 0 : entry.lower.startsWith(words[0]) ? 1 : 2);
  return found.sort((a, b) => rank(a) - rank(b) || a.text.length - b.text.length).slice(0, MOST_SHOWN);
}
