/**
 * @typedef {Object} Station A milestone on the way to the guest.
 * @property {string} title
 * @property {number|null} time seconds
 * @property {string} thread label
 * @property {string} milestone name; "" for none
 * @property {boolean} chapter whether the story has a chapter of it
 * @property {{name: string, function: number, file: string, line: number}|null} place the program's function that reaches it
 * @property {string} request the ioctl that it is; "" for a function
 * @property {boolean} observed the kernel's functions were traced
 * @property {number[]} pointers rows of `pointers`: the the pointers that decide between the previous station and this one
 * @property {{from: string, to: string}|null} starts the thread that starts on the way to it
 */

/**
 * The way from `main` to the guest: the milestones that were reached, in their order, with what the story says of each.
 * @param {import("./document.js").Doc} doc
 * @returns {Station[]}
 */
export function stations(doc) {
  const chapters = new Map(doc.chapters.map((chapter) => [chapter.milestone, chapter]));
  const reached = doc.milestones.filter((each) => each.name && each.time !== null && each.stop >= 0 && each.run === 0);
  const named = new Set(reached.map((each) => each.name));
  const all = reached.map((each) => ofMilestone(doc, each, chapters.get(each.name)));
  for (const chapter of doc.chapters) if (!named.has(chapter.milestone)) all.push(ofChapter(doc, chapter, null));
  return withoutRepetition(all).map((station, position) => withStart(station, all.slice(0, position)));
}

/** Chains share their first steps: a pointer is shown at the first station behind it only. */
function withoutRepetition(all) {
  const seen = new Set();
  return all.map((station) => {
    const pointers = station.pointers.filter((pointer) => !seen.has(pointer));
    pointers.forEach((pointer) => seen.add(pointer));
    return { ...station, pointers };
  });
}

/** The labels of threads in the order in which they reach a station. @param {Station[]} all */
export function threadsOf(all) {
  return [...new Set(all.flatMap((station) => [station.starts?.from, station.thread]).filter(Boolean))];
}

function ofMilestone(doc, milestone, chapter) {
  const stop = doc.stops[milestone.stop];
  const thread = doc.threads[stop.thread].label;
  if (chapter) return { ...ofChapter(doc, chapter, milestone), thread };
  const frame = doc.framesOf(stop.stack).find((each) => !each.library);
  return {
    title: milestone.title, time: milestone.time, thread, milestone: milestone.name, chapter: false, request: stop.request, observed: false,
    place: frame ? { name: frame.name, function: frame.function, file: frame.file, line: frame.line } : null, pointers: [], created: false,
  };
}

function ofChapter(doc, chapter, milestone) {
  const steps = chapter.steps.map((number) => doc.steps[number]);
  const kinds = steps.map((step) => doc.kind(step.kind)?.kind);
  const kernel = kinds.findIndex((kind) => kind === "syscall" || kind === "documented");
  const own = kernel < 0 ? steps : steps.slice(0, kernel);
  const last = [...own].reverse().find((step) => step.file) || own[own.length - 1];
  const fresh = steps.slice(chapter.shared);
  return {
    title: chapter.title, time: milestone ? milestone.time : null, thread: chapter.thread, milestone: chapter.milestone, chapter: true,
    request: kernel >= 0 && milestone ? milestone.function : "", observed: kinds[kernel] === "syscall",
    place: last ? { name: last.name, function: last.function, file: last.file, line: last.line } : null,
    pointers: fresh.flatMap((step) => step.pointers), created: kinds.slice(chapter.shared).includes("thread-start"),
  };
}

/** Add the thread that starts before a station: the first station of a thread, when an earlier one is on another. */
function withStart(station, before) {
  const previous = before[before.length - 1];
  const first = previous && before.every((each) => each.thread !== station.thread);
  const { created, ...rest } = station;
  return { ...rest, starts: first ? { from: previous.thread, to: station.thread } : null };
}
