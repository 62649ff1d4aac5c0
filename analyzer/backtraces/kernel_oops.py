"""Reads the call traces that the Linux kernel logs: an oops, a WARN, a soft lockup, a hung task.

The innermost frame is that of the `RIP:` line (`pc :` on arm64) above the trace. Frames with a `?` are left out:
the kernel only found their addresses on the stack. What an interrupt or an exception interrupted is no caller.
The kernel's arch/x86/kernel/dumpstack.c prints the format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from analyzer.backtraces.frame_lines import FrameLine, LineMeaning, Mark, StackStart, read_stacks
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel, UnreadLines
from gdbscripts.records import KERNEL_LIBRARY

_SYMBOL = r"([\w.$]{1,500})\+0x([0-9a-f]{1,8}/0x[0-9a-f]{1,8})(?: \[[\w ]{1,200}\])?"
_FRAME = re.compile(rf" {{0,8}}(?:\[<[0-9a-f]{{1,16}}>\] )?(\? )?{_SYMBOL}(?: \(.{{1,500}}\))? *$")
_RIP = re.compile(rf" *(?:E?RIP: (?:0010:)?|pc : )(?:\[<[0-9a-f]{{1,16}}>\] )?{_SYMBOL} *$")
_TRACE = re.compile(r" *(?:Call [Tt]race:|Backtrace:)(?: \([^()]{0,40}\))? *$")
_TASK = re.compile(
    r" *(?:CPU: \d{1,6} (?:UID: \d{1,10} )?)?[Pp][Ii][Dd]: (\d{1,9}),? [Cc]omm: (.{1,40}?) (?:Tainted|Not tainted)"
)
_HUNG = re.compile(r" *task:(\S.{0,30}?) +state:. .{0,200}?\bpid:(\d{1,9})\b")
_CUT_HERE = re.compile(r" *-+\[ cut here \]-+$")
_BEGINS = re.compile(
    r" *(?:-+\[ cut here \]-+$|BUG: |Oops: |general protection fault|watchdog: |INFO: task |WARNING: CPU: |"
    r"NMI backtrace|Kernel panic|divide error:|invalid opcode:|stack segment:|int3:|Unable to handle kernel)"
)
_ENDS = re.compile(r" *(?:---\[ end |RIP: 0033:|</TASK>|Modules linked in:)")
_OOPS_ENDS = re.compile(r" *---\[ end ")
_INTERRUPT_ENDS = re.compile(r" *(?:</(?!TASK)[#A-Z0-9]{1,20}>|--- <?[a-z]\w{1,20}>? ---|<<EOE>>|<EOI>) *$")
_NUMBERED = re.compile(r" *#\d{1,7} ")
_OTHER = re.compile(
    r" *(?:<[#A-Z0-9]{1,20}>|Code: |R[A-Z0-9]{1,2}: |EFLAGS: |FS: |CS: |CR\d|DR\d|PKRU|Hardware name:|"
    r"irq event|hardirqs|softirqs|pstate:|sp : |lr : |x\d{1,2}\s*: |Workqueue: |ORIG_RAX|#PF: |PGD |Supported|"
    r"\[last unloaded|Tainted: |Kernel Offset|rcu: |note: |\"echo 0|task:|Showing |Sched|KASAN|==+$)"
)


def recognises(line: str) -> bool:
    """Whether `line` begins a call trace, or is one of its frames."""
    return bool(_TRACE.match(line) or _FRAME.match(line) or _CUT_HERE.match(line))


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The call traces; of the other lines of the log only those within a trace go to `unread`."""
    return read_stacks(lines, unread, _Reader().meaning)


class _Reader:
    def __init__(self) -> None:
        self._thread: ThreadLabel | None = None
        self._innermost = ""  # symbol and offset of RIP
        self._in_trace = False
        self._interrupted = False
        self._bare = True  # no line yet that may be above a trace: the first frames need none
        self._ended = False  # the kernel repeats the RIP line after the end of an oops

    def meaning(self, line: str) -> LineMeaning:
        """What the line is."""
        if frame := _FRAME.match(line):
            return self._frame(frame[1], frame[2], frame[3])
        if rip := _RIP.match(line):
            return Mark.IGNORED if self._ended else self._rip(rip[1], rip[2])
        if _TRACE.match(line):
            self._bare = False
            return self._trace()
        if task := _TASK.match(line) or _HUNG.match(line):
            self._bare = False
            tid, name = (task[2], task[1]) if task.re is _HUNG else (task[1], task[2])
            self._thread, self._in_trace = ThreadLabel(tid=int(tid), name=name), False
            return StackStart(self._thread)
        return self._mark(line)

    def _mark(self, line: str) -> LineMeaning:
        if _INTERRUPT_ENDS.match(line):
            self._interrupted = True
            return Mark.IGNORED
        if _BEGINS.match(line) or _ENDS.match(line):
            self._ended, self._bare = bool(_OOPS_ENDS.match(line)), False
            self._in_trace, self._interrupted, self._innermost = False, False, ""
            return Mark.END
        if _NUMBERED.match(line):  # of another tool
            return None
        # Other messages of the kernel may come between the lines of a trace.
        return Mark.IGNORED if not self._in_trace or not line.strip() or _OTHER.match(line) else None

    def _trace(self) -> LineMeaning:
        if self._innermost and not self._in_trace:
            self._in_trace = True
            return Mark.IGNORED
        self._in_trace, self._interrupted = True, False
        return StackStart(self._thread)

    def _rip(self, name: str, offset: str) -> LineMeaning:
        interrupted, self._interrupted = self._in_trace, False
        self._innermost = f"{name}+{offset}"
        return FrameLine(ImportedFrame(name, library=KERNEL_LIBRARY), interrupted=interrupted)

    def _frame(self, uncertain: str | None, name: str, offset: str) -> LineMeaning:
        if uncertain or not (self._in_trace or self._bare):
            return Mark.IGNORED
        repeated = self._innermost == f"{name}+{offset}"
        self._innermost = ""
        if repeated:
            return Mark.IGNORED
        interrupted, self._interrupted = self._interrupted, False
        return FrameLine(ImportedFrame(name, library=KERNEL_LIBRARY), interrupted=interrupted)
