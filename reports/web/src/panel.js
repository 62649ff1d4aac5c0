import { h, replace } from "./dom.js";
import { t, tn } from "./i18n.js";
import { arrow, functionLink, placeLink, selectLink } from "./links.js";
import { sourceExcerpt } from "./source.js";

/**
 * Show the selection: a function with callers and callees, a call, a pointer, a stack, an ioctl, an access, a thread.
 * @param {HTMLElement} container @param {import("./document.js").Doc} doc @param {import("./state.js").State} state
 */
export function renderPanel(container, doc, state) {
  const selection = state.selection;
  container.hidden = !selection;
  if (!selection) return replace(container);
  const close = h("button", { type: "button", class: "close", "aria-label": t("Close details"), onclick: () => state.select("", -1), text: "×" });
  replace(container, close, (SHOWN[selection.kind] || nothing)(doc, state, selection.row));
  return undefined;
}

function nothing() {
  return [];
}

function section(title, ...content) {
  const shown = content.flat(Infinity).filter(Boolean);
  return shown.length ? h("section", {}, h("h3", { text: title }), shown) : null;
}

function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return shown.length ? h("dl", {}, shown.map(([name, value]) => [h("dt", { text: name }), h("dd", {}, value instanceof Node ? value : String(value))])) : null;
}

function showFunction(doc, state, row) {
  const shown = doc.functions[row];
  const milestones = shown.milestones.map((name) => doc.milestones.find((each) => each.name === name)?.title || name);
  return [
    h("h2", { class: "name", text: shown.name }),
    h("p", { class: "place", text: shown.file || shown.where }),
    facts([
      [t("Frames in recorded stacks"), shown.hits],
      [t("Threads"), shown.threads.join(", ")],
      [t("Milestones"), milestones.join(", ")],
    ]),
    section(t("Called by"), calls(doc, state, doc.callersOf(shown), "caller")),
    section(t("Calls"), calls(doc, state, doc.calleesOf(shown), "callee")),
    section(t("Source"), callSites(doc, shown)),
    section(t("Arguments"), shown.arguments.map((text) => h("p", { class: "arguments", text: `(${text})` }))),
  ];
}

/** The lines around the first places where a function calls others. */
function callSites(doc, shown) {
  const sites = doc.calleesOf(shown).flatMap((call) => call.sites.slice(0, 1)).slice(0, 3);
  return sites.map((number) => sourceExcerpt(doc, doc.sites[number].file, doc.sites[number].line));
}

function calls(doc, state, rows, side) {
  return rows.map((call) => h("div", { class: "panel-call" },
    h("div", {}, arrow(doc, call.kind), " ", functionLink(state, call[side]), " ",
      h("small", {}, selectLink(state, "call", call.row, tn(call.hits, "{count} stack", "{count} stacks")))),
    call.pointers.map((pointer) => h("small", { class: "slot" }, t("through"), " ", selectLink(state, "pointer", pointer, doc.pointers[pointer].slot)))));
}

function showCall(doc, state, row) {
  const call = doc.calls[row];
  const kind = doc.kind(call.kind);
  return [
    h("h2", {}, functionLink(state, call.caller), " ", arrow(doc, call.kind), " ", functionLink(state, call.callee)),
    facts([[t("Kind"), kind.label], [t("Recorded stacks"), call.hits]]),
    section(t("Call sites"), call.sites.map((number) => {
      const site = doc.sites[number];
      return [h("p", {}, placeLink(doc, site.file, site.line), " ", h("code", { text: site.instruction })), sourceExcerpt(doc, site.file, site.line)];
    })),
    call.pointers.map((pointer) => pointerSection(doc, state, pointer)),
  ];
}

/** The pointer of a call: its slot, and from the call back to the source who set it. */
export function pointerSection(doc, state, row) {
  const pointer = doc.pointers[row];
  return section(t("Pointer: {slot}", { slot: pointer.slot }),
    pointer.address ? h("p", { class: "address", text: t("{address} holds {value}", { address: pointer.address, value: pointer.value }) }) : null,
    h("ol", { class: "origins" }, pointer.origins.map((number) => {
      const origin = doc.origins[number];
      return h("li", {}, h("span", { text: origin.sentence }), " ", placeLink(doc, origin.file, origin.line),
        origin.stop >= 0 ? [" ", selectLink(state, "stop", origin.stop, t("backtrace"))] : null,
        sourceExcerpt(doc, origin.file, origin.line));
    })),
    pointer.reason ? h("p", { class: "problem", text: `${pointer.outcome}: ${pointer.reason}` }) : null);
}

function showPointer(doc, state, row) {
  const pointer = doc.pointers[row];
  return [
    h("h2", { class: "name", text: pointer.slot }),
    h("p", {}, functionLink(state, pointer.caller), " ", arrow(doc, doc.calls[pointer.call].kind), " ", functionLink(state, pointer.callee)),
    pointerSection(doc, state, row),
  ];
}

/** The frames of a stack with links, innermost first. */
function frames(doc, state, node) {
  return h("ol", { class: "frames", start: "0" }, doc.framesOf(node).map((frame) =>
    h("li", {}, frame.function >= 0 ? functionLink(state, frame.function, frame.name) : h("span", { class: "name", text: frame.name }), " ",
      frame.file ? placeLink(doc, frame.file, frame.line) : h("span", { class: "place", text: frame.library }))));
}

function showStop(doc, state, row) {
  const stop = doc.stops[row];
  return [h("h2", { text: stop.heading }), stop.stack >= 0 ? frames(doc, state, stop.stack) : null];
}

function showIoctl(doc, state, row) {
  const ioctl = doc.ioctls[row];
  return [
    h("h2", { class: "name", text: ioctl.request }),
    facts([
      [t("Time"), ioctl.time === null ? "" : t("{seconds} s", { seconds: ioctl.time.toFixed(6) })], [t("Thread"), ioctl.thread],
      [t("Descriptor"), [ioctl.descriptor, ioctl.fd].filter((word) => word !== null && word !== "").join(" ")], [t("File"), ioctl.file],
      [t("Argument"), ioctl.argument], [t("Result"), ioctl.result], [t("Issued by"), ioctl.function],
    ]),
    section(ioctl.observed ? t("Kernel functions, observed") : t("Kernel functions, from the kernel's sources"),
      ioctl.kernel.map((name) => h("div", { class: "name", text: name }))),
    ioctl.stack >= 0 ? section(t("Stack"), frames(doc, state, ioctl.stack)) : null,
  ];
}

function showAccess(doc, state, row) {
  const access = doc.accesses[row];
  return [
    h("h2", { text: access.access }),
    facts([
      [t("Time"), t("{seconds} s", { seconds: access.time.toFixed(6) })], [t("Thread"), access.thread], [t("Instruction"), access.instruction],
      [t("KVM"), access.kvm], [t("Repetitions"), access.repetitions], [t("Returned"), access.returned],
    ]),
    section(t("Device functions"), access.device_calls.map((number) => {
      const call = doc.device_calls[number];
      return h("div", { class: "panel-call" }, arrow(doc, call.kind), " ", functionLink(state, call.device, call.device_name), " ",
        h("span", { class: "place", text: call.place }), call.slot ? h("small", { class: "slot", text: t("through {slot}", { slot: call.slot }) }) : null,
        call.stop >= 0 ? h("small", {}, selectLink(state, "stop", call.stop, t("backtrace"))) : null);
    })),
    section(t("Kernel functions, observed"), access.kernel.map((name) => h("div", { class: "name", text: name }))),
  ];
}

function showThread(doc, state, row) {
  const thread = doc.threads[row];
  return [
    h("h2", { text: thread.label }),
    facts([
      [t("Thread of gdb"), thread.number || ""], [t("Thread id"), thread.tid || ""], [t("Starts in"), thread.start], [t("Created by"), thread.creator],
      [t("Recorded stacks"), thread.stops],
    ]),
    thread.created_by >= 0 ? h("p", {}, selectLink(state, "stop", thread.created_by, t("backtrace of its creation"))) : null,
  ];
}

function showMilestone(doc, state, row) {
  const milestone = doc.milestones[row];
  return [
    h("h2", { text: milestone.title }),
    facts([[t("Function or ioctl"), milestone.function], [t("Time"), milestone.time === null ? "" : t("{seconds} s", { seconds: milestone.time.toFixed(3) })]]),
    milestone.stop >= 0 ? h("p", {}, selectLink(state, "stop", milestone.stop, t("backtrace"))) : null,
  ];
}

const SHOWN = {
  function: showFunction, call: showCall, pointer: showPointer, stop: showStop, ioctl: showIoctl, access: showAccess,
  thread: showThread, milestone: showMilestone,
};
