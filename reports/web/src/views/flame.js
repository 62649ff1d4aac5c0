import { hierarchy, partition } from "d3-hierarchy";
import { choice, toggle } from "../choices.js";
import { h, replace } from "../dom.js";
import { matcher } from "../filter.js";
import { t } from "../i18n.js";
import { functionLink } from "../links.js";
import { mergedStacks, pathTo } from "../stack_tree.js";
import { boundTable, followState } from "../table.js";

export const name = "flame";
export const title = t("Flame");
export const key = "3";

const ROW = 24; // pixels; .flame-cell in flame.css has the same
const LEAST = 1; // pixels: what is narrower is not drawn

export function available(doc) {
  return doc.stops.length > 0;
}

let view;

export function render(container, doc, state) {
  view = new Flame(container, doc, state);
  return () => view.destroy();
}

export function update(container, doc, state, change) {
  view.update(change);
}

class Flame {
  constructor(container, doc, state) {
    this.doc = doc;
    this.state = state;
    this.choices = h("div", { class: "choices" });
    this.path = h("nav", { class: "flame-path", "aria-label": t("Functions above the zoomed one") });
    this.drawing = h("div", { class: "flame", role: "tree", tabindex: "0", "aria-label": t("Merged stacks: the width of a function is its share of the stacks") });
    this.status = h("p", { class: "hint", role: "status" });
    container.append(this.choices, this.status, this.path, this.drawing, h("h3", { text: t("The same as a table") }));
    this.merge();
    this.table = boundTable(container, state, "", { label: t("Merged stacks"), rows: this.nodes.slice(1), columns: this.columns() });
    this.drawing.addEventListener("click", (event) => this.click(event));
    this.drawing.addEventListener("keydown", (event) => this.key(event));
    this.drawChoices();
    this.draw();
    // In the next frame: a drawing that changes sizes within the observer's call is an error in the console.
    this.observer = new ResizeObserver(() => this.drawing.clientWidth !== this.width && requestAnimationFrame(() => this.draw()));
    this.observer.observe(this.drawing);
  }

  destroy() {
    this.observer.disconnect();
    this.table.destroy();
  }

  merge() {
    this.thread = this.state.option("thread-name");
    this.nodes = mergedStacks(this.doc, this.thread, this.thread || t("all stacks"));
    this.active = this.nodes[0];
  }

  get zoomed() {
    return this.nodes[Number(this.state.option("zoom", "0"))] || this.nodes[0];
  }

  update(change) {
    if (change.options && this.state.option("thread-name") !== this.thread) {
      this.merge();
      this.table.update({ rows: this.nodes.slice(1) });
    }
    followState(this.table, this.state, change);
    this.drawChoices();
    this.draw();
  }

  drawChoices() {
    replace(this.choices,
      choice(this.state, "thread-name", t("Thread"), this.doc.stops.map((stop) => this.doc.threads[stop.thread].label)),
      toggle(this.state, "flame", t("outermost function at the bottom")),
      toggle(this.state, "by-directory", t("colours by directory")));
  }

  draw() {
    const width = this.drawing.clientWidth;
    if (!width) return;
    this.width = width;
    const cells = this.layout(width);
    const depth = Math.max(...cells.map((cell) => cell.depth), 0) + 1;
    const flame = this.state.option("flame") === "1";
    this.drawing.style.setProperty("height", `${depth * ROW + 2}px`);
    const matches = this.state.filter ? matcher(this.state.filter) : null;
    const found = matches ? this.nodes.filter((node) => node.parent && matches(node.name)) : [];
    replace(this.drawing, cells.map((cell) => this.cell(cell, flame ? depth - 1 - cell.depth : cell.depth, matches)));
    this.activate(this.active.depth >= this.zoomed.depth ? this.active : this.zoomed);
    const hidden = this.count(this.zoomed) - cells.length;
    this.status.textContent = [
      t("{stacks} stacks.", { stacks: this.zoomed.hits }),
      hidden > 0 ? t("{count} functions are too narrow to draw: zoom in, or read the table.", { count: hidden }) : "",
      matches ? t("{count} places match the filter, in {stacks} stacks.", { count: found.length, stacks: outermostHits(found) }) : "",
    ].filter(Boolean).join(" ");
    replace(this.path, pathTo(this.zoomed).slice(0, -1).map((node) => h("button", { type: "button", class: "link", onclick: () => this.zoom(node), text: node.name })));
  }

  /** The visible cells below the zoomed node: x and width in pixels, depth from 0. */
  layout(width) {
    const root = hierarchy(this.zoomed, (node) => node.children.filter((child) => (child.hits / this.zoomed.hits) * width >= LEAST));
    root.eachBefore((each) => { each.value = each.data.hits; });
    partition().size([width, root.height + 1])(root);
    return root.descendants().map((each) => ({ node: each.data, depth: each.depth, x: each.x0, width: each.x1 - each.x0 }));
  }

  cell({ node, x, width }, row, matches) {
    const share = (100 * node.hits) / this.nodes[0].hits;
    const kind = this.doc.kind(node.kind);
    const label = t("{name} {hits} stacks, {share} %, {kind}", { name: kind ? `${kind.arrow} ${node.name}` : node.name, hits: node.hits, share: share.toFixed(1), kind: kind ? kind.label : t("outermost function") });
    const classes = ["flame-cell", kind ? `kind-${kind.kind}` : "kind-root", matches && node.parent && matches(node.name) && "found", this.state.option("by-directory") && node.function >= 0 && "by-directory", this.state.isSelected("function", node.function) && node.function >= 0 && "selected"];
    const element = h("div", {
      class: classes.filter(Boolean).join(" "), role: "treeitem", id: `flame-${node.id}`, "data-node": node.id, "aria-level": node.depth + 1, "aria-label": label, title: label,
      "aria-expanded": node.children.length ? "true" : null, "aria-selected": String(node === this.active),
    }, width > 30 ? [kind ? `${kind.arrow} ` : "", node.name, width > 160 ? ` ${node.hits}` : ""] : null);
    element.style.setProperty("left", `${x}px`);
    element.style.setProperty("top", `${row * ROW}px`);
    element.style.setProperty("width", `${Math.max(width - 1, 1)}px`);
    if (node.function >= 0) element.style.setProperty("--hue", String(hue(this.doc.functions[node.function].file)));
    return element;
  }

  count(node) {
    return 1 + node.children.reduce((sum, child) => sum + this.count(child), 0);
  }

  activate(node) {
    this.active = node;
    for (const each of this.drawing.children) each.classList.toggle("active", Number(each.dataset.node) === node.id);
    if (document.getElementById(`flame-${node.id}`)) this.drawing.setAttribute("aria-activedescendant", `flame-${node.id}`);
    else this.drawing.removeAttribute("aria-activedescendant");
  }

  zoom(node) {
    this.active = node;
    this.state.setOption("zoom", node.id ? String(node.id) : "");
  }

  click(event) {
    const element = event.target.closest(".flame-cell");
    if (element) this.choose(this.nodes[Number(element.dataset.node)]);
  }

  /** Zoom to a function and select it; the zoomed one again shows its caller. */
  choose(node) {
    this.zoom(node === this.zoomed && node.parent ? node.parent : node);
    if (node.function >= 0) this.state.select("function", node.function);
  }

  key(event) {
    const { parent } = this.active;
    const siblings = parent ? parent.children : [this.active];
    const at = siblings.indexOf(this.active);
    const inward = this.state.option("flame") === "1" ? "ArrowUp" : "ArrowDown";
    const outward = this.state.option("flame") === "1" ? "ArrowDown" : "ArrowUp";
    const moves = { [inward]: this.active.children[0], [outward]: parent, ArrowLeft: siblings[at - 1], ArrowRight: siblings[at + 1], Home: this.zoomed };
    if (event.key === "Enter" || event.key === " ") this.choose(this.active);
    else if (event.key === "Backspace") this.zoom(this.zoomed.parent || this.zoomed);
    else if (event.key in moves) { if (moves[event.key]) this.activate(moves[event.key]); } else return;
    event.preventDefault();
  }

  columns() {
    return [
      { id: "name", title: t("Function"), value: (each) => each.name, width: "minmax(20rem, 3fr)", show: (each) => h("span", {}, "\u00a0\u00a0".repeat(Math.min(each.depth - 1, 20)), functionLink(this.state, each.function, each.name)) },
      { id: "hits", title: t("Stacks"), value: (each) => each.hits, number: true, width: "6rem" },
      { id: "ends", title: t("End here"), value: (each) => each.ends, number: true, width: "6rem" },
      { id: "share", title: t("Share in %"), value: (each) => Math.round((1000 * each.hits) / this.nodes[0].hits) / 10, number: true, width: "7rem" },
    ];
  }
}

/** Stacks through any of these nodes: a node below another one that is found counts once. */
function outermostHits(found) {
  const all = new Set(found);
  return found.filter((node) => !pathTo(node.parent).some((above) => all.has(above))).reduce((sum, node) => sum + node.hits, 0);
}

/** A hue for the directory of a file; the title of a cell says the same in words. */
function hue(file) {
  const directory = file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : "";
  let number = 0;
  for (const char of directory) number = (number * 31 + char.codePointAt(0)) % 360;
  return number;
}
