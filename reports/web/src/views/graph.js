import { around, directoryOf, shortestPaths } from "../call_paths.js";
import { h, replace } from "../dom.js";
import { t, tn } from "../i18n.js";
import { arrow, functionLink, placeText } from "../links.js";
import { boundTable, followState } from "../table.js";
import { Drawing } from "./graph_drawing.js";

export const name = "graph";
export const title = t("Graph");
export const key = "2";

const MOST_FUNCTIONS = 50; // drawn at once; more is a hairball
const MOST_CALLS = 120;
const MOST_DIRECTORIES = 40;
const MOST_SUGGESTIONS = 500;

export function available(doc) {
  return doc.calls.length > 0;
}

let view;

export function render(container, doc, state) {
  view = new GraphView(container, doc, state);
  return () => view.table.destroy();
}

export function update(container, doc, state, change) {
  followState(view.table, state, change);
  if (change.selection || change.options) view.draw();
}

class GraphView {
  constructor(container, doc, state) {
    Object.assign(this, { doc, state });
    this.drawing = new Drawing(t("Call graph; arrow keys walk, Enter selects, plus and minus zoom"), { choose: (id) => this.choose(id), move: (id, pressed) => this.move(id, pressed) });
    this.controls = h("form", { class: "choices", onsubmit: (event) => event.preventDefault() });
    this.status = h("p", { class: "hint", role: "status" });
    container.append(this.controls, this.status, this.drawing.element, legend(doc), h("h3", { text: t("All calls") }));
    this.table = boundTable(container, state, "call", { label: t("Calls"), rows: doc.calls, columns: columns(doc, state) });
    this.draw();
  }

  /** Draw what the selection and the options ask for. */
  draw() {
    const [from, to] = [this.functionOf("from"), this.functionOf("to")];
    this.drawControls();
    if (from >= 0 && to >= 0) this.drawPaths(from, to);
    else if (this.focus >= 0) this.drawFocus();
    else if (this.state.option("dir")) this.drawDirectory(this.state.option("dir"));
    else this.drawDirectories();
  }

  get focus() {
    const selected = this.state.selection;
    if (selected?.kind === "function") return selected.row;
    return selected?.kind === "call" ? this.doc.calls[selected.row].callee : -1;
  }

  functionOf(option) {
    const text = this.state.option(option);
    if (!text) return -1;
    const exact = this.doc.rowOf("function", text);
    return exact >= 0 ? exact : this.doc.functions.findIndex((each) => each.name === text);
  }

  drawControls() {
    const field = (option, label) => h("label", { class: "choice" }, h("span", { text: label }),
      h("input", { list: "graph-functions", value: this.state.option(option), size: "18", autocomplete: "off", onchange: (event) => this.state.setOption(option, event.target.value.trim()) }));
    const depth = this.state.option("depth", "2");
    const whole = (this.focus >= 0 || this.state.option("dir") || this.state.option("from")) && h("button", { type: "button", text: t("All directories"), onclick: () => this.showAll() });
    replace(this.controls,
      h("label", { class: "choice" }, h("span", { text: t("Calls on each side") }),
        h("select", { onchange: (event) => this.state.setOption("depth", event.target.value === "2" ? "" : event.target.value) }, ["1", "2", "3", "4"].map((value) => h("option", { value, selected: value === depth, text: value })))),
      field("from", t("Path from")), field("to", t("to")), whole,
      h("datalist", { id: "graph-functions" }, this.doc.functions.slice(0, MOST_SUGGESTIONS).map((each) => h("option", { value: each.name }))));
    const missing = ["from", "to"].filter((option) => this.state.option(option) && this.functionOf(option) < 0);
    if (missing.length) this.controls.append(h("span", { class: "problem", role: "alert", text: t("There is no function {name}.", { name: this.state.option(missing[0]) }) }));
  }

  showAll() {
    this.state.show(name, { from: "", to: "", dir: "" });
    this.state.select("", -1);
  }

  drawFocus() {
    const depth = Math.min(4, Math.max(1, Number(this.state.option("depth", "2")) || 2));
    const { functions, omitted } = around(this.doc, this.focus, depth, MOST_FUNCTIONS);
    this.status.textContent = [
      tn(functions.size, "{count} function, callers at the left, callees at the right.", "{count} functions, callers at the left, callees at the right."),
      omitted ? t("{count} more are not drawn: those with the fewest stacks. The table below has all calls.", { count: omitted }) : "",
    ].filter(Boolean).join(" ");
    this.drawFunctions(functions, this.focus);
  }

  drawPaths(from, to) {
    const { functions, calls } = shortestPaths(this.doc, from, to);
    const names = { from: this.doc.functions[from].name, to: this.doc.functions[to].name };
    this.status.textContent = functions.size ? t("All shortest paths from {from} to {to}: {calls} calls.", { ...names, calls }) : t("No recorded calls lead from {from} to {to}.", names);
    this.drawFunctions(limited(functions), from);
  }

  drawDirectory(directory) {
    const inside = this.doc.functions.filter((each) => directoryOf(each) === directory).sort((a, b) => b.hits - a.hits);
    const drawn = new Set(inside.slice(0, MOST_FUNCTIONS).map((each) => each.row));
    this.status.textContent = t("{shown} of {all} functions of {directory}.", { shown: drawn.size, all: inside.length, directory });
    this.drawFunctions(drawn, -1);
  }

  drawFunctions(functions, focus) {
    const { doc } = this;
    const nodes = [...functions].map((row) => {
      const each = doc.functions[row];
      return { id: String(row), label: each.name, detail: each.file || each.where, cluster: directoryOf(each), focus: row === focus, milestone: each.milestones.length > 0 };
    });
    const edges = [...functions].flatMap((row) => doc.calleesOf(doc.functions[row])).filter((call) => functions.has(call.callee)).map((call) => {
      const kind = doc.kind(call.kind);
      const words = t("{caller} {sentence} {callee}, {hits} stacks", { caller: doc.functions[call.caller].name, sentence: kind.sentence, callee: doc.functions[call.callee].name, hits: call.hits });
      return { from: String(call.caller), to: String(call.callee), kind: kind.kind, arrow: kind.arrow, words, hits: call.hits };
    });
    this.edges = edges.sort((a, b) => b.hits - a.hits).slice(0, MOST_CALLS);
    if (edges.length > MOST_CALLS) this.status.textContent += ` ${t("{count} calls with the fewest stacks are not drawn.", { count: edges.length - MOST_CALLS })}`;
    this.drawing.draw(nodes, this.edges, String(focus));
  }

  drawDirectories() {
    const { nodes, edges } = directories(this.doc);
    const drawn = nodes.slice(0, MOST_DIRECTORIES);
    const ids = new Set(drawn.map((node) => node.id));
    this.status.textContent = [
      t("{functions} functions in {directories} directories. Select a directory, or a function in the table.", { functions: this.doc.functions.length, directories: nodes.length }),
      nodes.length > drawn.length ? t("{count} directories with the fewest functions are not drawn.", { count: nodes.length - drawn.length }) : "",
    ].filter(Boolean).join(" ");
    this.edges = edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to));
    this.drawing.draw(drawn, this.edges, drawn[0]?.id);
  }

  choose(id) {
    if (id.startsWith("dir:")) this.state.setOption("dir", id.slice(4));
    else this.state.select("function", Number(id));
  }

  /** The node that an arrow key leads to: callees at the right, callers at the left, siblings above and below. */
  move(id, pressed) {
    const next = (at) => this.edges.filter((edge) => edge.from === at && edge.to !== at).sort((a, b) => b.hits - a.hits).map((edge) => edge.to);
    const previous = (at) => this.edges.filter((edge) => edge.to === at && edge.from !== at).sort((a, b) => b.hits - a.hits).map((edge) => edge.from);
    if (pressed === "ArrowRight") return next(id)[0];
    if (pressed === "ArrowLeft") return previous(id)[0];
    const siblings = previous(id).length ? next(previous(id)[0]) : next(id).length ? previous(next(id)[0]) : [];
    return siblings[siblings.indexOf(id) + (pressed === "ArrowDown" ? 1 : -1)];
  }
}

function limited(functions) {
  return new Set([...functions].slice(0, MOST_FUNCTIONS));
}

/** The directories with their numbers of functions, and the calls between them. */
function directories(doc) {
  const counts = new Map();
  for (const each of doc.functions) counts.set(directoryOf(each), (counts.get(directoryOf(each)) || 0) + 1);
  const calls = new Map();
  for (const call of doc.calls) {
    const [from, to] = [directoryOf(doc.functions[call.caller]), directoryOf(doc.functions[call.callee])];
    if (from !== to) calls.set(JSON.stringify([from, to]), (calls.get(JSON.stringify([from, to])) || 0) + 1);
  }
  const nodes = [...counts].sort((a, b) => b[1] - a[1]).map(([directory, count]) => ({ id: `dir:${directory}`, label: directory, detail: tn(count, "{count} function", "{count} functions"), cluster: "" }));
  const edges = [...calls].map(([pair, count]) => {
    const [from, to] = JSON.parse(pair);
    return { from: `dir:${from}`, to: `dir:${to}`, kind: "directory", arrow: ">", words: t("{count} calls from {from} to {to}", { count, from, to }), hits: count };
  });
  return { nodes, edges };
}

function legend(doc) {
  return h("ul", { class: "graph-legend", "aria-label": t("Kinds of calls") }, doc.call_kinds.filter((kind) => kind.calls).map((kind) =>
    h("li", {}, arrow(doc, kind.row), kind.label, " ", h("small", { text: String(kind.calls) }))));
}

function columns(doc, state) {
  const sites = (call) => call.sites.map((number) => placeText(doc.sites[number].file, doc.sites[number].line)).join(", ");
  return [
    { id: "caller", title: t("Caller"), value: (each) => doc.functions[each.caller].name, show: (each) => functionLink(state, each.caller), width: "minmax(12rem, 1fr)" },
    { id: "kind", title: t("Kind"), value: (each) => doc.kind(each.kind).label, show: (each) => arrow(doc, each.kind), width: "4rem" },
    { id: "callee", title: t("Callee"), value: (each) => doc.functions[each.callee].name, show: (each) => functionLink(state, each.callee), width: "minmax(12rem, 1fr)" },
    { id: "hits", title: t("Stacks"), value: (each) => each.hits, number: true, width: "6rem" },
    { id: "sites", title: t("Call sites"), value: sites, width: "minmax(12rem, 1fr)" },
  ];
}
