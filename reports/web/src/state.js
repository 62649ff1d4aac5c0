/**
 * @typedef {{kind: string, row: number}} Selection
 * @typedef {{view?: boolean, selection?: boolean, filter?: boolean, options?: boolean}} Change
 */

/**
 * What the page shows, kept in its address: the view, one selection, one filter, and options of views.
 * `#view=graph&function=kvm_init@kvm-all&filter=vcpu&depth=2`: the kind of the selection names its parameter; every
 * other parameter is an option.
 */
export class State {
  /** @param {import("./document.js").Doc} doc @param {string[]} kinds kinds of selections @param {string} home the first view */
  constructor(doc, kinds, home) {
    this.doc = doc;
    this._kinds = kinds;
    this._home = home;
    this._listeners = [];
    this._read();
    window.addEventListener("hashchange", () => this._changed());
  }

  /** Be called after each change, with what has changed. @param {(change: Change) => void} listener */
  subscribe(listener) {
    this._listeners.push(listener);
  }

  /** Select something, or nothing with a row of -1. @param {string} kind @param {number} row */
  select(kind, row) {
    this._go({ selection: row < 0 ? null : { kind, row } }, true);
  }

  /** @param {string} kind @param {number} row @returns {boolean} */
  isSelected(kind, row) {
    return this.selection !== null && this.selection.kind === kind && this.selection.row === row;
  }

  /** Show a view, and change its options when given; "" removes one. @param {string} view @param {Record<string, string>} [options] */
  show(view, options) {
    const all = Object.entries({ ...this.options, ...options }).filter(([, value]) => value !== "");
    this._go({ view, options: Object.fromEntries(all) }, true);
  }

  /** Show a view with a selection, in one step of the history. @param {string} view @param {string} kind @param {number} row */
  showSelected(view, kind, row) {
    this._go({ view, selection: { kind, row } }, true);
  }

  /** @param {string} filter */
  setFilter(filter) {
    this._go({ filter }, false);
  }

  /** An option of a view: a short text. @param {string} name @param {string} [otherwise] @returns {string} */
  option(name, otherwise = "") {
    return this.options[name] ?? otherwise;
  }

  /** Set an option of a view; "" removes it. @param {string} name @param {string} value */
  setOption(name, value) {
    const options = { ...this.options, [name]: value };
    if (value === "") delete options[name];
    this._go({ options }, false);
  }

  /** The address of a state, for links. @param {Partial<State>} [parts] @returns {string} */
  href(parts = {}) {
    const { view, selection, filter, options } = { ...this, ...parts };
    const words = new URLSearchParams();
    if (view !== this._home) words.set("view", view);
    if (selection) words.set(selection.kind, this.doc.keyOf(selection.kind, selection.row));
    if (filter) words.set("filter", filter);
    for (const [name, value] of Object.entries(options)) words.set(name, value);
    return `#${words.toString().replaceAll("%40", "@").replaceAll("%2F", "/").replaceAll("%3E", ">")}`;
  }

  _go(parts, remember) {
    const href = this.href(parts);
    if (href === this.href()) return;
    history[remember ? "pushState" : "replaceState"](null, "", href);
    this._changed();
  }

  _read() {
    const words = new URLSearchParams(location.hash.slice(1));
    this.view = words.get("view") || this._home;
    this.filter = words.get("filter") || "";
    /** @type {Selection|null} */
    this.selection = null;
    /** @type {Record<string, string>} */
    this.options = {};
    for (const [name, value] of words) {
      if (this._kinds.includes(name)) {
        const row = this.doc.rowOf(name, value);
        if (row >= 0) this.selection = { kind: name, row };
      } else if (name && name !== "view" && name !== "filter") this.options[name] = value;
    }
  }

  _changed() {
    const before = { view: this.view, filter: this.filter, selection: JSON.stringify(this.selection), options: JSON.stringify(this.options) };
    this._read();
    const change = {
      view: before.view !== this.view,
      filter: before.filter !== this.filter,
      selection: before.selection !== JSON.stringify(this.selection),
      options: before.options !== JSON.stringify(this.options),
    };
    if (Object.values(change).some(Boolean)) this._listeners.forEach((listener) => listener(change));
  }
}
