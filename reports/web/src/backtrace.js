import { h } from "./dom.js";
import { copyButton } from "./copy.js";
import { t } from "./i18n.js";

const MARKS = { inline: "  [inlined]", tail: "  [tail call]" };

/**
 * The lines that gdb's `bt` prints for a stack, and below it the stack that created its thread.
 * @param {import("./document.js").Doc} doc @param {import("./document.js").Row} stop @returns {string}
 */
export function gdbText(doc, stop) {
  const lines = frameLines(doc, stop);
  if (stop.open_ended) lines.push(`(The callers of ${doc.framesOf(stop.stack).at(-1).name} are unknown.)`);
  const thread = doc.threads[stop.thread];
  if (thread.created_by >= 0) lines.push(`-- ${thread.label} was created by:`, ...frameLines(doc, doc.stops[thread.created_by]));
  return lines.map((line) => `${line}\n`).join("");
}

function frameLines(doc, stop) {
  return doc.framesOf(stop.stack).map((frame, level) => frameLine(frame, level, stop.arguments[level] ?? ""));
}

function frameLine(frame, level, values) {
  const number = `#${String(level).padEnd(2)} `;
  if (frame.kind === "signal") return number + frame.name;
  const address = frame.address ? `0x${frame.address} in ` : "";
  const place = frame.file ? ` at ${frame.file}:${frame.line}` : frame.library ? ` from ${frame.library}` : "";
  return `${number}${address}${frame.name} (${values})${place}${MARKS[frame.kind] || ""}`;
}

/** The text of a stop with a button that copies it. @param {import("./document.js").Doc} doc @param {import("./document.js").Row} stop */
export function backtraceBox(doc, stop) {
  const text = h("pre", { class: "terminal gdb-text", tabindex: "0", "aria-label": t("Backtrace in gdb's format"), text: gdbText(doc, stop) });
  return h("div", { class: "copyable" }, copyButton(text, t("backtrace in gdb's format")), text);
}
