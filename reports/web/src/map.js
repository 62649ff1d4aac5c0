import { s } from "./dom.js";
import { t } from "./i18n.js";

const WIDE_LANE = 92;
const NARROW_LANE = 30;

/**
 * Draw the lanes beside the rows of stations: a line for each thread, for the kernel and the guest.
 * @param {SVGElement} svg
 * @param {import("./stations.js").Station[]} all
 * @param {string[]} threads labels
 * @param {number[]} heights y of the middle of each row, in pixels
 * @param {{wide: boolean, top: number, height: number}} size
 */
export function drawMap(svg, all, threads, heights, size) {
  const lanes = lanesOf(all, threads);
  const gap = size.wide ? WIDE_LANE : NARROW_LANE;
  const x = (lane) => gap / 2 + lanes.indexOf(lane) * gap;
  svg.setAttribute("width", String(lanes.length * gap));
  svg.setAttribute("height", String(size.height));
  svg.replaceChildren(...lanes.map((lane) => header(lane, x(lane), size)), ...lines(all, lanes, x, heights), ...all.flatMap((station, row) => marks(station, x, heights[row])));
}

/** The lanes: threads, then the kernel and the guest when a station gets there. @returns {string[]} */
function lanesOf(all, threads) {
  const requests = all.map((station) => station.request).filter(Boolean);
  return [...threads, ...(requests.length ? ["kernel"] : []), ...(requests.includes("KVM_RUN") ? ["guest"] : [])];
}

/** The width of the drawing. */
export function mapWidth(all, threads, wide) {
  return lanesOf(all, threads).length * (wide ? WIDE_LANE : NARROW_LANE);
}

/** An arrowhead that points to the right, with its tip at x, y. */
function head(kind, x, y) {
  return s("path", { class: `map-head ${kind}`, d: `M${x} ${y}l-10 -5v10z` });
}

function header(lane, x, { wide, top }) {
  const name = { kernel: t("kernel"), guest: t("guest") }[lane] || lane;
  const text = name.length > 14 ? `${name.slice(0, 13)}…` : name;
  const place = wide ? { x, y: top - 12, "text-anchor": "middle" } : { transform: `translate(${x + 4} ${top - 8}) rotate(-90)` };
  return s("text", { class: "map-lane", ...place, text });
}

function lines(all, lanes, x, heights) {
  return lanes.flatMap((lane) => {
    const rows = all.flatMap((station, row) => (station.thread === lane || station.starts?.from === lane || station.starts?.to === lane ? [row] : []));
    if (!rows.length) return [s("line", { class: "map-line faint", x1: x(lane), x2: x(lane), y1: heights[0], y2: heights[heights.length - 1] })];
    return [s("line", { class: "map-line", x1: x(lane), x2: x(lane), y1: heights[rows[0]], y2: heights[rows[rows.length - 1]] })];
  });
}

function marks(station, x, y) {
  const at = x(station.thread);
  const drawn = [];
  if (station.starts) {
    drawn.push(s("path", { class: "map-start", d: `M${x(station.starts.from)} ${y - 14}H${at - 9}` }), head("thread", at, y - 14));
  }
  if (station.request) {
    const to = x(station.request === "KVM_RUN" ? "guest" : "kernel");
    const runs = station.request === "KVM_RUN";
    drawn.push(s("path", { class: station.observed ? "map-ioctl" : "map-ioctl documented", d: `M${at + 8} ${y}H${to - 8}` }), runs ? "" : head("ioctl", to - 6, y),
      s("rect", { class: "map-kernel", x: x("kernel") - 6, y: y - 6, width: 12, height: 12 }));
    if (runs) drawn.push(s("path", { class: "map-guest", d: `M${to - 7} ${y - 8}L${to + 9} ${y}L${to - 7} ${y + 8}z` }));
  }
  drawn.push(s("circle", { class: station.chapter ? "map-station" : "map-station small", cx: at, cy: y, r: station.chapter ? 7 : 4.5 }));
  if (station.pointers.length) {
    const up = y - 24;
    drawn.push(s("path", { class: "map-pointer", d: `M${at} ${up - 9}l9 9l-9 9l-9 -9z` }), s("text", { class: "map-count", x: at, y: up + 3.5, "text-anchor": "middle", text: String(station.pointers.length) }));
  }
  return drawn;
}
