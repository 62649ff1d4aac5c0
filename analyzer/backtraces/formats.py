"""The formats of backtrace text that are read: one table.

To add a format: a module with `recognises` and `read`, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from analyzer.backtraces import (
    abrt,
    backtrace_symbols,
    bpftrace,
    crash_bt,
    eu_stack,
    folded,
    gdb_mi,
    gdb_text,
    go_panic,
    kernel_oops,
    lldb,
    macos_crash,
    macos_ips,
    perf_script,
    rust_panic,
    thread_sanitizer,
    valgrind,
)
from analyzer.backtraces.line_cleanup import FRAME_START, LinePrefixes, clean_line, without_stamp
from analyzer.backtraces.stacks import ImportedStack, UnreadLines


class CleanLine(NamedTuple):
    """A line in the forms that recognisers look at."""

    text: str  # as in the file, without terminal codes
    plain: str  # without the time of a log
    stripped: str  # without all that logs, mails and prompts put in front of it


class Format(NamedTuple):
    """A format: what has it, for messages; whether two lines in a row are typical of it; its reader.

    `sampled`: its stacks are samples, of which equal ones are merged. `ends_at_start`: a complete stack goes to
    `main` or to the start of its thread.
    """

    about: str
    recognises: Callable[[CleanLine, CleanLine], bool]
    read: Callable[[Iterable[str], UnreadLines], Iterator[ImportedStack]]
    sampled: bool = False
    ends_at_start: bool = False


def _by_line(recognises: Callable[[str], bool]) -> Callable[[CleanLine, CleanLine], bool]:
    return lambda _, line: recognises(line.plain)


def _is_folded(_: CleanLine, line: CleanLine) -> bool:
    text = line.text
    return ";" in text and "#" not in text[:1] and bool(folded.COUNT.search(text[-20:]))


# In the order in which they are asked: gdb's numbered frames and folded stacks are the least distinct.
_RECOGNISED: dict[str, Format] = {
    "perf": Format(
        "perf script",
        lambda previous, line: perf_script.sampled(previous.text, line.text),
        perf_script.read,
        sampled=True,
    ),
    "mi": Format(
        "gdb's machine interface (-stack-list-frames)",
        lambda _, line: bool(gdb_mi.RECORD.match(line.text)),
        gdb_mi.read,
    ),
    "tsan": Format("ThreadSanitizer", _by_line(thread_sanitizer.recognises), thread_sanitizer.read),
    "valgrind": Format("valgrind", _by_line(valgrind.recognises), valgrind.read, ends_at_start=True),
    "bpftrace": Format("bpftrace's maps of stacks", _by_line(bpftrace.recognises), bpftrace.read, sampled=True),
    "eu-stack": Format("eu-stack", _by_line(eu_stack.recognises), eu_stack.read, ends_at_start=True),
    "lldb": Format("lldb's bt, thread backtrace all", _by_line(lldb.recognises), lldb.read, ends_at_start=True),
    "crash": Format("bt of the crash utility", _by_line(crash_bt.recognises), crash_bt.read),
    "kernel": Format(
        "call traces in the log of the Linux kernel", _by_line(kernel_oops.recognises), kernel_oops.read
    ),
    "rust": Format(
        "a Rust panic",
        lambda previous, line: rust_panic.recognises(previous.plain, line.plain),
        rust_panic.read,
    ),
    "go": Format("a Go panic", _by_line(go_panic.recognises), go_panic.read),
    "macos": Format("a crash report of macOS", _by_line(macos_crash.recognises), macos_crash.read),
    "ips": Format("a crash report of macOS in JSON (.ips)", _by_line(macos_ips.recognises), macos_ips.read),
    "abrt": Format("ABRT's core_backtrace, a report of satyr", _by_line(abrt.recognises), abrt.read),
    "backtrace": Format(
        "backtrace_symbols() of the C library, lines of the form function+0x1d",
        lambda previous, line: backtrace_symbols.recognises(previous.plain, line.plain),
        backtrace_symbols.read,
    ),
    "gdb": Format(
        "gdb's bt, bt full, thread apply all bt, coredumpctl info, AddressSanitizer, what analyze show prints",
        lambda _, line: bool(FRAME_START.match(line.stripped)),
        gdb_text.read,
    ),
    "folded": Format("folded stacks", _is_folded, folded.read, sampled=True),
}
GDB = "gdb"
FOLDED = "folded"
FORMATS = {name: _RECOGNISED[name] for name in (GDB, *(name for name in _RECOGNISED if name != GDB))}


class FormatDetector:
    """Looks at the lines of a text in their order, for the first one that is typical of a format."""

    def __init__(self) -> None:
        self._prefixes = LinePrefixes()
        self._previous = CleanLine("", "", "")

    def detect(self, line: str) -> str:
        """The key in FORMATS of the format that `line` is typical of; "" when there is none."""
        text = clean_line(line)
        seen = CleanLine(text, without_stamp(text), self._prefixes.strip(text))
        previous, self._previous = self._previous, seen
        return next((name for name, it in _RECOGNISED.items() if it.recognises(previous, seen)), "")
