import { t } from "./i18n.js";

/**
 * @typedef {Object} Event
 * @property {number} at seconds since QEMU was started, or its place in the order of all events
 * @property {"milestone"|"stop"|"ioctl"|"exit"|"access"} kind @property {string} words
 * @property {[string, number]} [select] what it selects @property {number} number its place in the lane @property {number} [ordinal] of a milestone
 */

/**
 * The lanes: one for each thread, one for the kernel, one for the guest; events in the order of time.
 * @param {import("./document.js").Doc} doc @param {boolean} inOrder events one after the other, instead of by their times
 * @returns {{name: string, events: Event[]}[]}
 */
export function lanesOf(doc, inOrder) {
  const lanes = new Map();
  const put = (name, event) => {
    if (!lanes.has(name)) lanes.set(name, []);
    lanes.get(name).push(event);
  };
  const several = doc.runs.length > 1;
  const named = (run, lane) => (several && run >= 0 ? `${doc.runs[run].name}, ${lane}` : lane);
  stopEvents(doc, (run, lane, event) => put(named(run, lane), event));
  for (const each of doc.ioctls) {
    if (each.time === null) continue;
    put(named(each.run, t("kernel")), { at: each.time, kind: "ioctl", words: words(each.time, `${each.request}, ${each.thread}`), select: ["ioctl", each.row] });
  }
  for (const each of doc.accesses) put(named(each.run, t("guest")), { at: each.time, kind: each.exits ? "exit" : "access", words: words(each.time, `${each.access}, ${each.kvm}`), select: ["access", each.row] });
  return ordered([...lanes].map(([name, events]) => ({ name, events })), inOrder);
}

function stopEvents(doc, put) {
  const milestones = new Map(doc.milestones.filter((each) => each.stop >= 0).map((each) => [each.stop, each]));
  let ordinal = 0;
  const starts = [...doc.stops].sort((a, b) => a.time - b.time);
  for (const stop of starts) {
    const milestone = milestones.get(stop.row);
    if (milestone) ordinal += 1;
    const event = milestone
      ? { kind: "milestone", ordinal, words: words(stop.time, `${ordinal}: ${milestone.title}`), select: ["milestone", milestone.row] }
      : { kind: "stop", words: words(stop.time, stop.heading), select: ["stop", stop.row] };
    put(stop.run, doc.threads[stop.thread].label, { at: stop.time, ...event });
  }
}

function words(time, text) {
  return t("{time} s: {text}", { time: time.toFixed(6), text });
}

function ordered(lanes, inOrder) {
  for (const lane of lanes) lane.events.sort((a, b) => a.at - b.at);
  if (inOrder) lanes.flatMap((lane) => lane.events).sort((a, b) => a.at - b.at).forEach((event, place) => { event.at = place; });
  for (const lane of lanes) lane.events.forEach((event, number) => { event.number = number; });
  return lanes;
}

/** What the recording says of the time that gdb and the recorder took: a sentence for each run. @param {import("./document.js").Doc} doc */
export function runTimes(doc) {
  return doc.runs.map((run) => run.times).filter(Boolean);
}
