/**
 * @typedef {Object} Row A row of a table: its number as `row`, and a getter for each column of the table.
 *   Columns of texts give strings; columns of row numbers give numbers (-1: none).
 */

/** Decodes the document that the page carries: tables of columns, and one table of all texts. */
export class Doc {
  /** @param {any} data the parsed JSON; reports/web/README.md lists its tables and columns */
  constructor(data) {
    if (data.version !== 1) throw new Error(`document version ${data.version}`);
    /** @type {{title: string, summary: string, complete: boolean, scenario: string, imported: boolean, language: string}} */
    this.page = data.page;
    for (const [name, columns] of Object.entries(data.tables)) this[name] = decoded(columns, data.strings);
    this._indices = {};
  }

  /** @param {string} name @param {() => any} make @returns {any} */
  once(name, make) {
    if (!(name in this._indices)) this._indices[name] = make();
    return this._indices[name];
  }

  /** Calls by the row number of their callee. @param {Row} called @returns {Row[]} */
  callersOf(called) {
    return this.once("callers", () => grouped(this.calls, (call) => call.callee)).get(called.row) || [];
  }

  /** Calls by the row number of their caller. @param {Row} calling @returns {Row[]} */
  calleesOf(calling) {
    return this.once("callees", () => grouped(this.calls, (call) => call.caller)).get(calling.row) || [];
  }

  /** The nodes of a stack, innermost first. @param {number} node row of the innermost node @returns {Row[]} rows of `stacks` */
  nodesOf(node) {
    const nodes = [];
    for (let at = node; at >= 0; at = this.stacks[at].parent) nodes.push(this.stacks[at]);
    return nodes;
  }

  /** The frames of a stack, innermost first. @param {number} node @returns {Row[]} rows of `frames` */
  framesOf(node) {
    return this.nodesOf(node).map((each) => this.frames[each.frame]);
  }

  /** The call kind, with arrow and words; null for -1. @param {number} number @returns {Row|null} */
  kind(number) {
    return number < 0 ? null : this.call_kinds[number];
  }

  /**
   * The recorded source lines around a line.
   * @param {string} file @param {number} line @param {number} [around]
   * @returns {{number: number, text: string, tokens: string, marked: boolean}[]} empty when the line was not recorded
   */
  source(file, line, around = 2) {
    const excerpts = this.once("sources", () => grouped(this.sources, (excerpt) => excerpt.file)).get(file) || [];
    const excerpt = excerpts.find((each) => line >= each.first && line < each.first + each.lines.length);
    if (!excerpt) return [];
    const { first, tokens } = excerpt;
    const lines = excerpt.lines.map((text, position) => ({ number: first + position, text, tokens: tokens[position], marked: first + position === line }));
    return lines.filter((each) => Math.abs(each.number - line) <= around);
  }

  /** The identity of a function in addresses: NAME@FILE_STEM. @param {number} number @returns {string} */
  functionKey(number) {
    const each = this.functions[number];
    return `${each.name}@${each.where}`;
  }

  /**
   * The key of a selection in the address of the page; functions and calls have names, others row numbers.
   * @param {string} kind function, call, stop, ioctl, pointer, access, thread, milestone
   * @param {number} row @returns {string}
   */
  keyOf(kind, row) {
    if (kind === "function") return this.functionKey(row);
    if (kind === "call") {
      const call = this.calls[row];
      return `${this.functionKey(call.caller)}>${this.functionKey(call.callee)}>${this.kind(call.kind).kind}`;
    }
    return String(row);
  }

  /** The reverse of `keyOf`; -1 when there is no such row. @param {string} kind @param {string} key @returns {number} */
  rowOf(kind, key) {
    if (kind === "function" || kind === "call") {
      const rows = kind === "function" ? this.functions : this.calls;
      const keys = this.once(`keys-${kind}`, () => new Map(rows.map((each) => [this.keyOf(kind, each.row), each.row])));
      return keys.get(key) ?? -1;
    }
    const table = TABLE_OF_KIND[kind];
    const row = /^\d+$/.test(key) ? Number(key) : -1;
    return table && row < this[table].length ? row : -1;
  }
}

/** The table of each kind of selection. */
export const TABLE_OF_KIND = {
  function: "functions", call: "calls", stop: "stops", ioctl: "ioctls", pointer: "pointers", access: "accesses",
  thread: "threads", milestone: "milestones",
};

/** @template T @param {T[]} rows @param {(row: T) => any} key @returns {Map<any, T[]>} */
export function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const found = groups.get(key(row));
    if (found) found.push(row);
    else groups.set(key(row), [row]);
  }
  return groups;
}

/** The rows of a table, as objects that read its columns. */
function decoded(columns, strings) {
  class TableRow {
    constructor(row) {
      this.row = row;
    }
  }
  let length = 0;
  for (const [name, [type, values]] of Object.entries(columns)) {
    length = values.length;
    Object.defineProperty(TableRow.prototype, name, { enumerable: true, get: getter(type, values, strings) });
  }
  return Array.from({ length }, (_, row) => new TableRow(row));
}

function getter(type, values, strings) {
  if (type === "text") return function text() { return strings[values[this.row]]; };
  if (type === "texts") return function texts() { return values[this.row].map((number) => strings[number]); };
  if (type === "flag") return function flag() { return values[this.row] === 1; };
  return function value() { return values[this.row]; };
}

/** Read the document of the page. @returns {Doc} */
export function readDocument() {
  return new Doc(JSON.parse(document.getElementById("document").textContent));
}
