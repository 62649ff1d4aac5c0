import { h, replace } from "./dom.js";
import { matcher } from "./filter.js";
import { t, tn } from "./i18n.js";

const ROW_HEIGHT = 30; // pixels; .table-row in theme.css has the same
const MOST_PRINTED = 2000;

/**
 * @typedef {Object} Column
 * @property {string} id
 * @property {string} title never empty
 * @property {(row: any) => string|number|null} value what is sorted by, searched, and shown
 * @property {(row: any) => Node|string} [show] what is shown instead of the value
 * @property {boolean} [number] right-aligned
 * @property {string} [width] of grid-template-columns: Nrem or minmax(Nrem, Mfr); default minmax(6rem, 1fr)
 *
 * @typedef {Object} TableOptions
 * @property {string} label accessible name
 * @property {any[]} rows
 * @property {Column[]} columns
 * @property {string} [filter] only rows that contain its words are shown
 * @property {{column: string, descending?: boolean}} [sort]
 * @property {(row: any) => boolean} [selected]
 * @property {(row: any) => void} [onselect] called for a click and for Enter
 * @property {(sort: {column: string, descending: boolean}) => void} [onsort]
 * @property {(shown: any[]) => void} [onshown] called with the filtered rows
 */

/**
 * A table of which only the visible rows are in the DOM. Its header sorts; arrows, Home, End and Page keys move, Enter
 * selects. Add `element` to the page, then call `layout()` once.
 */
export class Table {
  /** @param {TableOptions} options */
  constructor(options) {
    this.options = options;
    this.sort = options.sort ? { descending: false, ...options.sort } : null;
    this.active = -1;
    this.count = h("p", { class: "table-count", role: "status" });
    this.head = h("div", { class: "table-row table-head", role: "row", "aria-rowindex": "1" });
    this.rowgroup = h("div", { class: "table-rows", role: "rowgroup" });
    this.scroller = h("div", { class: "table", role: "grid", tabindex: "0", "aria-label": options.label },
      h("div", { class: "table-head-group", role: "rowgroup" }, this.head), this.rowgroup);
    this.element = h("div", { class: "table-box" }, this.count, this.scroller);
    const widths = options.columns.map((column) => column.width || "minmax(6rem, 1fr)");
    this.scroller.style.setProperty("--columns", widths.join(" "));
    // All rows get one width: each is a grid of its own, and only equal grids have columns below each other.
    const least = widths.reduce((sum, width) => sum + Number(/[\d.]+(?=rem)/.exec(width)[0]), 0);
    this.scroller.style.setProperty("--least-width", `${least}rem`);
    this.scroller.setAttribute("aria-colcount", String(options.columns.length));
    this.scroller.addEventListener("scroll", () => this._draw(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this._key(event));
    this.rowgroup.addEventListener("click", (event) => this._click(event));
    this._printing = false;
    this._observer = new ResizeObserver(() => this.scroller.clientHeight !== this._height && requestAnimationFrame(() => this._draw()));
    this._observer.observe(this.scroller);
    this._onprint = (event) => { this._printing = event.type === "beforeprint"; this._draw(); };
    for (const name of ["beforeprint", "afterprint"]) window.addEventListener(name, this._onprint);
    this._texts = new Map();
    this._arrange();
  }

  /** Draw, now that the element has a size; and bring the selected row into view. */
  layout() {
    const selected = this.shown.findIndex((row) => this.options.selected?.(row));
    if (selected >= 0) this._activate(selected);
    this._draw();
  }

  /** Show other rows, or filter the rows otherwise. @param {{rows?: any[], filter?: string}} changes */
  update(changes = {}) {
    Object.assign(this.options, changes);
    if ("rows" in changes) this._texts.clear();
    if ("rows" in changes || "filter" in changes) this._arrange();
    this._draw();
  }

  /** Stop listening; call it when the element leaves the page. */
  destroy() {
    this._observer.disconnect();
    for (const name of ["beforeprint", "afterprint"]) window.removeEventListener(name, this._onprint);
  }

  _arrange() {
    const { rows, columns, filter } = this.options;
    const matches = matcher(filter || "");
    this.shown = filter ? rows.filter((row) => matches(this._text(row))) : [...rows];
    const column = this.sort && columns.find((each) => each.id === this.sort.column);
    if (column) this.shown.sort(comparer(column.value, this.sort.descending));
    this.active = Math.min(this.active, this.shown.length - 1);
    const total = tn(rows.length, "{count} row", "{count} rows");
    this.count.textContent = filter ? t("{shown} of {total}", { shown: this.shown.length, total }) : total;
    this.scroller.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this._drawHead();
    this.options.onshown?.(this.shown);
  }

  _text(row) {
    let text = this._texts.get(row);
    if (text === undefined) {
      text = this.options.columns.map((column) => column.value(row) ?? "").join(" ");
      this._texts.set(row, text);
    }
    return text;
  }

  _drawHead() {
    replace(this.head, this.options.columns.map((column) => {
      const sorted = this.sort?.column === column.id;
      const direction = sorted ? (this.sort.descending ? "descending" : "ascending") : "none";
      const mark = sorted ? (this.sort.descending ? " ▼" : " ▲") : "";
      return h("div", { class: cellClass(column), role: "columnheader", "aria-sort": direction },
        h("button", { type: "button", onclick: () => this._sortBy(column) }, column.title, h("span", { "aria-hidden": "true", text: mark })));
    }));
  }

  _sortBy(column) {
    const again = this.sort?.column === column.id;
    this.sort = { column: column.id, descending: again ? !this.sort.descending : Boolean(column.number) };
    this._arrange();
    this._draw();
    this.options.onsort?.(this.sort);
    this.head.children[this.options.columns.indexOf(column)].firstChild.focus();
  }

  _draw() {
    this._height = this.scroller.clientHeight;
    const height = this._height || 600;
    const all = this._printing;
    const first = all ? 0 : Math.max(0, Math.floor(this.scroller.scrollTop / ROW_HEIGHT) - 4);
    const last = Math.min(this.shown.length, all ? MOST_PRINTED : first + Math.ceil(height / ROW_HEIGHT) + 8);
    this.rowgroup.style.setProperty("height", `${this.shown.length * ROW_HEIGHT}px`);
    this.rowgroup.style.setProperty("--first", `${first * ROW_HEIGHT}px`);
    const focused = this.rowgroup.contains(document.activeElement);
    replace(this.rowgroup, this.shown.slice(first, last).map((row, position) => this._row(row, first + position)));
    if (focused) this.scroller.focus({ preventScroll: true });
    if (this.active >= first && this.active < last) this.scroller.setAttribute("aria-activedescendant", this._id(this.active));
    else this.scroller.removeAttribute("aria-activedescendant");
  }

  _row(row, position) {
    const selected = Boolean(this.options.selected?.(row));
    const classes = ["table-row", position === this.active && "active", selected && "selected"].filter(Boolean).join(" ");
    return h("div", { class: classes, role: "row", id: this._id(position), "aria-rowindex": position + 2, "aria-selected": String(selected), "data-position": position },
      this.options.columns.map((column) => {
        const value = column.value(row);
        const text = value === null || value === undefined ? "" : String(value);
        return h("div", { class: cellClass(column), role: "gridcell", title: text.length > 12 ? text.slice(0, 2000) : null }, column.show ? column.show(row) : text);
      }));
  }

  _id(position) {
    this._name ??= `table-${Table._count++}`;
    return `${this._name}-${position}`;
  }

  _click(event) {
    const element = event.target.closest(".table-row");
    if (!element || event.target.closest("a, button")) return;
    this._activate(Number(element.dataset.position));
    this.options.onselect?.(this.shown[this.active]);
    this._draw();
  }

  _activate(position) {
    this.active = Math.max(0, Math.min(position, this.shown.length - 1));
    const top = this.active * ROW_HEIGHT;
    const visible = this.scroller.clientHeight - 2 * ROW_HEIGHT;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + visible) this.scroller.scrollTop = top - visible;
  }

  _key(event) {
    if (event.target !== this.scroller || event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 2);
    const moves = { ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page, Home: 0, End: this.shown.length - 1 };
    if (event.key in moves && this.shown.length) this._activate(moves[event.key]);
    else if (event.key === "Enter" && this.active >= 0) this.options.onselect?.(this.shown[this.active]);
    else return;
    event.preventDefault();
    this._draw();
  }
}
Table._count = 0;

function cellClass(column) {
  return column.number ? "cell number" : "cell";
}

/** Sort texts by the alphabet and numbers by size; rows without a value come last. */
function comparer(value, descending) {
  const sign = descending ? -1 : 1;
  return (left, right) => {
    const [a, b] = [value(left), value(right)];
    if (a === null || a === "" || b === null || b === "") return (a === null || a === "") - (b === null || b === "");
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  };
}

/**
 * Put a table into a container, bound to the filter and the selection of the page.
 * @param {HTMLElement} container
 * @param {import("./state.js").State} state
 * @param {string} kind of the selection that a row makes: its `row` is the row number; "" for rows that select nothing
 * @param {TableOptions} options
 * @returns {Table} keep it for `update`: call `followState(table, state)` there
 */
export function boundTable(container, state, kind, options) {
  const bound = kind ? { selected: (row) => state.isSelected(kind, row.row), onselect: (row) => state.select(kind, row.row) } : {};
  const table = new Table({ filter: state.filter, ...bound, ...options });
  container.append(table.element);
  table.layout();
  return table;
}

/** Let a bound table show a changed filter or selection. @param {Table} table @param {import("./state.js").State} state @param {import("./state.js").Change} change */
export function followState(table, state, change) {
  if (change.filter) table.update({ filter: state.filter });
  else if (change.selection) table.update();
}
