import { h, s } from "../dom.js";
import { t, tn } from "../i18n.js";
import { functionLink, placeLink, selectLink } from "../links.js";
import { drawMap, mapWidth } from "../map.js";
import { stations, threadsOf } from "../stations.js";

export const name = "overview";
export const title = t("Overview");
export const key = "o";

const HEAD = { wide: 34, narrow: 104 }; // pixels above the first station, for the names of the lanes

export function available() {
  return true;
}

/** What happened: the way to the guest as a map, what could not be observed, what the guest wrote. */
export function render(container, doc, state) {
  const all = stations(doc);
  const boxes = h("div", {}, verdictBox(doc, state), missingBox(doc), ...doc.runs.map(outputBox));
  if (!all.length) {
    container.append(boxes);
    return undefined;
  }
  const rows = h("ol", { "aria-label": t("The way to the guest") }, all.map((station) => row(doc, state, station)));
  const svg = s("svg", { "aria-hidden": "true" });
  const map = h("section", { class: "map", "aria-label": t("Map") }, svg, rows, keyOfMap(all));
  container.append(h("div", { class: "overview" }, map, boxes));
  const threads = threadsOf(all);
  const draw = () => layout(map, svg, rows, all, threads);
  const observer = new ResizeObserver(draw);
  observer.observe(map);
  draw();
  return () => observer.disconnect();
}

/** Nothing here depends on the selection or the filter. */
export function update() {}

function layout(map, svg, rows, all, threads) {
  const wide = map.clientWidth > 640;
  const top = wide ? HEAD.wide : HEAD.narrow;
  rows.style.setProperty("margin-left", `${mapWidth(all, threads, wide) + 8}px`);
  rows.style.setProperty("padding-top", `${top - 14}px`);
  const middles = [...rows.children].map((each) => each.offsetTop + (each.classList.contains("deciding") ? 28 : 14));
  drawMap(svg, all, threads, middles, { wide, top, height: rows.offsetTop + rows.offsetHeight });
}

function row(doc, state, station) {
  const chapter = state.href({ view: "story", options: { ...state.options, chapter: station.milestone } });
  const { place } = station;
  return h("li", { class: station.pointers.length ? "deciding" : null },
    h("div", {}, station.time === null ? null : h("span", { class: "time", text: t("{seconds} s", { seconds: station.time.toFixed(3) }) }),
      station.chapter ? h("a", { class: "title", href: chapter, text: station.title }) : h("span", { class: "title", text: station.title }),
      " ", station.request ? h("a", { class: "request", href: state.href({ view: "ioctls", filter: station.request }), text: station.request }) : null),
    h("div", { class: "where" }, place ? [functionLink(state, place.function, place.name), " ", placeLink(doc, place.file, place.line), " "] : null,
      h("small", { text: station.starts ? t("{thread}, started by {creator}", { thread: station.thread, creator: station.starts.from }) : station.thread })),
    station.pointers.length ? h("ul", { class: "deciders", "aria-label": t("Calls through pointers on the way") }, station.pointers.map((number) => decider(doc, state, doc.pointers[number]))) : null);
}

function decider(doc, state, pointer) {
  return h("li", {}, h("span", { "aria-hidden": "true", text: "◆ " }), selectLink(state, "pointer", pointer.row, pointer.slot), " ", doc.kind(doc.calls[pointer.call].kind).arrow, " ", functionLink(state, pointer.callee));
}

function keyOfMap(all) {
  const sign = (...shapes) => s("svg", { width: 20, height: 18, "aria-hidden": "true" }, shapes);
  const items = [
    [true, sign(s("circle", { class: "map-station", cx: 10, cy: 9, r: 6 })), t("milestone, with a chain in the story")],
    [all.some((each) => each.pointers.length), sign(s("path", { class: "map-pointer", d: "M10 1l8 8l-8 8l-8 -8z" })), t("calls through pointers before it")],
    [all.some((each) => each.request), sign(s("rect", { class: "map-kernel", x: 4, y: 3, width: 12, height: 12 })), t("ioctl, served by the kernel")],
    [all.some((each) => each.request && !each.observed), sign(s("path", { class: "map-ioctl documented", d: "M0 9H20" })), t("ioctl whose kernel functions were not observed")],
    [all.some((each) => each.starts), sign(s("path", { class: "map-start", d: "M0 9H20" })), t("a thread starts")],
  ];
  return h("ul", { class: "map-key", "aria-label": t("Key of the map") }, items.filter(([used]) => used).map(([, shape, text]) => h("li", {}, shape, " ", text)));
}

function verdictBox(doc, state) {
  const go = (view, text) => h("li", {}, h("a", { href: state.href({ view, options: {} }), text }));
  const explained = doc.pointers.filter((pointer) => pointer.outcome === "explained").length;
  const lines = [
    doc.calls.length ? go("graph", tn(doc.calls.length, "{count} call between functions", "{count} calls between functions")) : null,
    doc.pointers.length ? go("pointers", t("{explained} of {count} pointers with a known origin", { explained, count: doc.pointers.length })) : null,
    doc.ioctls.length ? go("ioctls", tn(doc.ioctls.length, "{count} ioctl", "{count} ioctls")) : null,
    doc.accesses.length ? go("io", t("{count} I/O accesses", { count: doc.accesses.reduce((sum, access) => sum + access.count, 0) })) : null,
    doc.stops.length ? go("backtraces", tn(doc.stops.length, "{count} backtrace", "{count} backtraces")) : null,
  ];
  return h("section", { class: "facts-box" }, h("h3", { text: t("Result") }), h("p", { text: verdict(doc) }), h("ul", {}, lines));
}

/** Whether the recording has all that was asked for, in a sentence. */
function verdict(doc) {
  if (doc.page.imported) return t("These are backtraces from a text; nothing was run.");
  const required = doc.milestones.filter((each) => each.required);
  const reached = required.filter((each) => each.time !== null);
  if (!required.length) return doc.page.complete ? t("The recording is complete.") : t("The recording is incomplete.");
  const last = reached[reached.length - 1];
  if (reached.length < required.length) return t("{reached} of {count} required milestones were reached.", { reached: reached.length, count: required.length });
  return t("All {count} required milestones were reached; the last one, “{title}”, after {seconds} s.", { count: required.length, title: last.title, seconds: last.time.toFixed(3) });
}

function missingBox(doc) {
  const notes = doc.runs.map((run) => run.kernel_note).filter((note, at, all) => note && all.indexOf(note) === at);
  const unexplained = doc.pointers.some((pointer) => pointer.outcome !== "explained");
  const content = doc.problems.length
    ? h("ul", { class: "problems" }, doc.problems.map((problem) => h("li", { text: problem.text })))
    : h("p", { text: unexplained ? t("Not every pointer has a known origin.") : t("The recording names nothing that is missing.") });
  return h("section", { class: "facts-box" }, h("h3", { text: t("Not observed") }), content, notes.map((note) => h("p", { class: "hint", text: note })));
}

function outputBox(run) {
  if (!run.serial_output) return "";
  const heading = run.name ? t("Serial output of the guest, {run}", { run: run.name }) : t("Serial output of the guest");
  return h("section", { class: "facts-box" }, h("h3", { text: heading }), h("pre", { class: "terminal", tabindex: "0", "aria-label": heading, text: run.serial_output }));
}
