import dagre from "@dagrejs/dagre";
import { select } from "d3-selection";
import { curveBasis, line } from "d3-shape";
import { zoom, zoomIdentity } from "d3-zoom";
import { h, replace, s } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @typedef {Object} DrawnNode
 * @property {string} id @property {string} label @property {string} detail second line @property {string} cluster "" for none
 * @property {boolean} [focus] @property {boolean} [milestone]
 * @typedef {Object} DrawnEdge
 * @property {string} from @property {string} to @property {string} kind @property {string} arrow @property {string} words @property {number} hits
 */

/** A drawing of nodes and edges from left to right, which is moved and zoomed by mouse, touch and keys. */
export class Drawing {
  /** @param {string} label @param {{choose: (id: string) => void, move: (id: string, key: string) => string|undefined}} actions */
  constructor(label, actions) {
    this.actions = actions;
    this.group = s("g", {});
    this.svg = s("svg", { class: "graph-drawing", role: "application", tabindex: "0", "aria-label": label, "aria-roledescription": t("call graph") }, marker(), this.group);
    this.buttons = h("div", { class: "graph-buttons" },
      [["+", t("Zoom in"), () => this.scale(1.4)], ["−", t("Zoom out"), () => this.scale(1 / 1.4)], [t("Fit"), t("Fit all into the window"), () => this.fit()]]
        .map(([text, words, act]) => h("button", { type: "button", "aria-label": words, title: words, onclick: act, text })));
    this.spoken = h("p", { class: "visually-hidden", role: "status" });
    this.element = h("div", { class: "graph-box" }, this.buttons, this.svg, this.spoken);
    this.zoom = zoom().scaleExtent([0.05, 4]).on("zoom", (event) => this.group.setAttribute("transform", event.transform));
    select(this.svg).call(this.zoom).on("dblclick.zoom", null);
    this.svg.addEventListener("click", (event) => this.click(event));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  /** Lay out and draw. @param {DrawnNode[]} nodes @param {DrawnEdge[]} edges @param {string} active id of the node that keys start from */
  draw(nodes, edges, active) {
    const graph = layout(nodes, edges);
    this.nodes = new Map(nodes.map((node) => [node.id, { ...node, ...graph.node(node.id) }]));
    const clusters = graph.nodes().filter((id) => id.startsWith("cluster:"));
    replace(this.group, clusters.map((id) => cluster(id, graph.node(id))), edges.map((edge, number) => drawnEdge(edge, graph.edge(edge.from, edge.to, String(number)))), [...this.nodes.values()].map(drawnNode));
    this.activate(this.nodes.has(active) ? active : nodes[0]?.id);
    this.fit();
  }

  activate(id) {
    this.active = id;
    for (const each of this.group.querySelectorAll(".graph-node")) each.classList.toggle("active", each.dataset.id === id);
    const node = this.nodes.get(id);
    if (node) this.spoken.textContent = [node.label, node.detail].filter(Boolean).join(", ");
  }

  fit() {
    const { width, height } = this.svg.getBoundingClientRect();
    const box = this.group.getBBox(); // dagre's own size counts clusters that are not drawn
    if (!width || !box.width) return;
    const scale = Math.min(1.2, (width - 20) / box.width, (height - 20) / box.height);
    const active = this.nodes.get(this.active);
    const readable = Math.max(scale, 0.45);
    const at = readable > scale && active ? active : { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    select(this.svg).call(this.zoom.transform, zoomIdentity.translate(width / 2 - readable * at.x, height / 2 - readable * at.y).scale(readable));
  }

  scale(factor) {
    select(this.svg).call(this.zoom.scaleBy, factor);
  }

  click(event) {
    const element = event.target.closest(".graph-node");
    if (element) this.actions.choose(element.dataset.id);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "+" || event.key === "=") this.scale(1.4);
    else if (event.key === "-") this.scale(1 / 1.4);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" && this.active) this.actions.choose(this.active);
    else if (event.key.startsWith("Arrow")) this.walk(event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  walk(key) {
    const next = this.actions.move(this.active, key);
    if (next === undefined || !this.nodes.has(next)) return;
    this.activate(next);
    const { x, y } = this.nodes.get(next);
    select(this.svg).call(this.zoom.translateTo, x, y);
  }
}

function layout(nodes, edges) {
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 46, marginx: 10, marginy: 10 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) {
    const longest = Math.max(node.label.length * 7.4, node.detail.length * 6);
    graph.setNode(node.id, { width: Math.min(longest + 18, 330), height: node.detail ? 38 : 26 });
    if (node.cluster) {
      graph.setNode(`cluster:${node.cluster}`, { label: node.cluster });
      graph.setParent(node.id, `cluster:${node.cluster}`);
    }
  }
  edges.forEach((edge, number) => graph.setEdge(edge.from, edge.to, { width: 22, height: 14, labelpos: "c" }, String(number)));
  dagre.layout(graph);
  return graph;
}

function marker() {
  return s("defs", {}, s("marker", { id: "graph-arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, s("path", { class: "graph-arrowhead", d: "M0,0L8,4L0,8z" })));
}

function cluster(id, box) {
  return s("g", { class: "graph-cluster" },
    s("rect", { x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height, rx: 8 }),
    s("text", { x: box.x - box.width / 2 + 6, y: box.y - box.height / 2 + 12, text: id.slice("cluster:".length) }));
}

const smooth = line((point) => point.x, (point) => point.y).curve(curveBasis);

function drawnEdge(edge, { points, x, y }) {
  return s("g", { class: `graph-edge kind-${edge.kind}` }, s("title", { text: edge.words }),
    s("path", { d: smooth(points), "marker-end": "url(#graph-arrow)" }),
    edge.arrow === ">" ? null : s("text", { x, y: y + 4, text: edge.arrow }));
}

function drawnNode(node) {
  const classes = ["graph-node", node.focus && "focus", node.milestone && "milestone"].filter(Boolean).join(" ");
  return s("g", { class: classes, "data-id": node.id, transform: `translate(${node.x - node.width / 2},${node.y - node.height / 2})` },
    s("title", { text: [node.label, node.detail].filter(Boolean).join("\n") }),
    s("rect", { width: node.width, height: node.height, rx: 6 }),
    s("text", { class: "graph-name", x: 9, y: 17, text: cut(node.label, 42) }),
    node.detail ? s("text", { class: "graph-detail", x: 9, y: 31, text: cut(node.detail, 52) }) : null);
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
