import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { zoom, zoomIdentity } from "d3-zoom";
import { toggle } from "../choices.js";
import { h, replace, s } from "../dom.js";
import { t, tn } from "../i18n.js";
import { boundTable, followState } from "../table.js";
import { lanesOf, runTimes } from "../timeline_events.js";

export const name = "timeline";
export const title = t("Timeline");
export const key = "4";

const LANE = 46; // pixels
const TOP = 26; // pixels above the first lane, for the scale
const LEFT = 8;

export function available(doc) {
  return doc.milestones.length > 0 && !doc.page.imported;
}

let view;

export function render(container, doc, state) {
  view = new Timeline(container, doc, state);
  return () => view.destroy();
}

export function update(container, doc, state, change) {
  followState(view.table, state, change);
  if (change.options) view.reset();
  view.draw();
}

class Timeline {
  constructor(container, doc, state) {
    Object.assign(this, { doc, state });
    this.choices = h("div", { class: "choices" });
    this.status = h("p", { class: "hint", role: "status" });
    this.svg = s("svg", { class: "timeline", role: "application", tabindex: "0", "aria-label": t("Timeline; left and right walk through a lane, up and down change it, Enter selects, plus and minus zoom"), "aria-roledescription": t("timeline") });
    this.spoken = h("p", { class: "timeline-event", role: "status" });
    container.append(this.choices, ...runTimes(doc).map((text) => h("p", { class: "hint", text })), this.status, this.svg, this.spoken, legend(), h("h3", { text: t("Milestones as a table") }));
    this.table = boundTable(container, state, "milestone", { label: t("Milestones"), rows: doc.milestones, columns: COLUMNS });
    this.zoom = zoom().scaleExtent([1, 100000]).on("zoom", (event) => { this.transform = event.transform; this.draw(); });
    this.transform = zoomIdentity;
    this.reset();
    this.resize();
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.resize()));
    this.observer.observe(this.svg);
    this.svg.addEventListener("click", (event) => this.click(event));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    select(this.svg).call(this.zoom).on("dblclick.zoom", null);
  }

  destroy() {
    this.observer.disconnect();
    this.table.destroy();
  }

  /** Place the events anew: by their times, or one after the other. */
  reset() {
    this.inOrder = this.state.option("in-order") === "1";
    this.lanes = lanesOf(this.doc, this.inOrder);
    const ends = this.lanes.flatMap((lane) => [lane.events[0].at, lane.events.at(-1).at]);
    this.domain = [Math.min(0, ...ends), Math.max(...ends, 1e-6)];
    this.active = [0, 0];
    replace(this.choices, toggle(this.state, "in-order", t("in order, without times: gdb's own time is taken out")));
    this.status.textContent = tn(this.lanes.reduce((sum, lane) => sum + lane.events.length, 0), "{count} event", "{count} events");
  }

  resize() {
    const width = this.svg.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    this.zoom.extent([[0, 0], [width, 10]]).translateExtent([[0, 0], [width, 10]]);
    this.draw();
  }

  draw() {
    if (!this.width) return;
    this.svg.setAttribute("height", String(TOP + this.lanes.length * LANE + 6));
    this.scale = this.transform.rescaleX(scaleLinear(this.domain, [LEFT, this.width - 12]));
    replace(this.svg, this.axis(), this.lanes.map((lane, number) => this.lane(lane, number)));
    this.speak();
  }

  axis() {
    const ticks = this.inOrder ? [] : this.scale.ticks(Math.max(2, Math.floor(this.width / 110)));
    const format = this.scale.tickFormat(Math.max(2, Math.floor(this.width / 110)));
    return s("g", { class: "timeline-axis", "aria-hidden": "true" }, ticks.map((at) => [
      s("line", { x1: this.scale(at), x2: this.scale(at), y1: TOP - 6, y2: TOP + this.lanes.length * LANE }),
      s("text", { x: this.scale(at) + 3, y: 13, text: `${format(at)} s` })]));
  }

  /** A lane; of events on one pixel only the first and its number is drawn, milestones before others. */
  lane(lane, number) {
    const top = TOP + number * LANE;
    const drawn = new Map();
    for (const event of lane.events) {
      const x = Math.round(this.scale(event.at));
      if (x < -20 || x > this.width + 20) continue;
      const key = `${x} ${event.kind === "milestone"}`;
      if (drawn.has(key)) drawn.get(key).count += 1;
      else drawn.set(key, { event, x, count: 1 });
    }
    return s("g", { class: "timeline-lane", transform: `translate(0,${top})` },
      s("rect", { class: "lane-back", x: 0, y: 1, width: this.width, height: LANE - 3, rx: 4 }),
      s("text", { class: "lane-name", x: LEFT, y: 13, text: `${lane.name} (${lane.events.length})` }),
      withRoom([...drawn.values()]).map((each) => this.mark(each, number)));
  }

  mark({ event, x, count, room }, lane) {
    const selected = event.select && this.state.isSelected(event.select[0], event.select[1]);
    const active = this.lanes[this.active[0]]?.events[this.active[1]] === event;
    const words = count > 1 ? t("{event} and {count} more", { event: event.words, count: count - 1 }) : event.words;
    const classes = ["timeline-mark", `is-${event.kind}`, selected && "selected", active && "active"].filter(Boolean).join(" ");
    return s("g", { class: classes, transform: `translate(${x},0)`, "data-lane": lane, "data-event": event.number }, s("title", { text: words }), SHAPES[event.kind](room ? event : {}));
  }

  event() {
    return this.lanes[this.active[0]]?.events[this.active[1]];
  }

  speak() {
    const event = this.event();
    this.spoken.textContent = event ? event.words : "";
  }

  click(event) {
    const mark = event.target.closest(".timeline-mark");
    if (!mark) return;
    this.active = [Number(mark.dataset.lane), Number(mark.dataset.event)];
    this.choose();
  }

  choose() {
    const chosen = this.event();
    if (chosen?.select) this.state.select(...chosen.select);
    this.draw();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [lane, number] = this.active;
    if (event.key === "+" || event.key === "=") this.scaleBy(2);
    else if (event.key === "-") this.scaleBy(0.5);
    else if (event.key === "0") select(this.svg).call(this.zoom.transform, zoomIdentity);
    else if (event.key === "Enter") this.choose();
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") this.walk(lane, number + (event.key === "ArrowRight" ? 1 : -1));
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.walk(lane + (event.key === "ArrowDown" ? 1 : -1));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Go to an event; without its number to the one of that lane that is nearest in time. */
  walk(lane, number) {
    const events = this.lanes[lane]?.events;
    if (!events) return;
    const at = this.event().at;
    const next = number ?? events.reduce((best, each, position) => (Math.abs(each.at - at) < Math.abs(events[best].at - at) ? position : best), 0);
    if (!events[next]) return;
    this.active = [lane, next];
    const x = this.scale(events[next].at);
    if (x < 0 || x > this.width) select(this.svg).call(this.zoom.translateBy, (this.width / 2 - x) / this.transform.k, 0);
    else this.draw();
  }

  scaleBy(factor) {
    const event = this.event();
    const x = event ? this.scale(event.at) : this.width / 2;
    select(this.svg).call(this.zoom.scaleBy, factor, [x, 0]);
  }
}

/** Say of each milestone whether there is room for its number in front of the next one. */
function withRoom(marks) {
  const flags = marks.filter((each) => each.event.kind === "milestone").sort((a, b) => a.x - b.x);
  flags.forEach((each, position) => { each.room = position === flags.length - 1 || flags[position + 1].x - each.x > 20; });
  return marks;
}

const SHAPES = {
  milestone: (event) => [s("path", { d: "M0,18V42M0,18L9,22L0,26Z" }), event.ordinal ? s("text", { x: 11, y: 26, text: String(event.ordinal) }) : null],
  stop: () => s("path", { d: "M0,28V42" }),
  ioctl: () => s("circle", { cy: 36, r: 3.5 }),
  exit: () => s("path", { d: "M-4,32L4,32L0,40Z" }),
  access: () => s("path", { d: "M0,31L4,36L0,41L-4,36Z" }),
};

function legend() {
  const entry = (kind, words) => h("li", {}, s("svg", { class: `timeline-sample is-${kind}`, viewBox: "-10 16 34 28", "aria-hidden": "true" }, s("g", { class: `timeline-mark is-${kind}` }, SHAPES[kind]({ ordinal: 1 }))), words);
  return h("ul", { class: "graph-legend", "aria-label": t("Signs") }, entry("milestone", t("milestone")), entry("stop", t("recorded stack")), entry("ioctl", t("ioctl")), entry("exit", t("exit to QEMU")), entry("access", t("access that KVM completes")));
}

const COLUMNS = [
  { id: "time", title: t("Time in s"), value: (each) => each.time, number: true, width: "9rem",
    show: (each) => (each.time !== null ? each.time.toFixed(3) : each.required ? t("never") : each.passed ? t("before the recording") : "–") },
  { id: "title", title: t("Milestone"), value: (each) => each.title, width: "minmax(14rem, 2fr)" },
  { id: "function", title: t("Function or ioctl"), value: (each) => each.function, width: "minmax(12rem, 1fr)" },
];
