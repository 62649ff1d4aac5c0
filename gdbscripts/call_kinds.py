"""The kinds of calls, and the table of their arrows and labels. Shared with the host; does not import `gdb`.

Every output draws from `CALL_KINDS`: chains, baselines, comparisons, drawings, pages, the commands in gdb.
An arrow is ASCII, which gdb, git and every terminal can show, and ends in `>`. It contains none of the marks of a
comparison (`reports/diff_marks.py`). A letter in it is the first one of the label.
"""

from __future__ import annotations

from enum import Enum
from typing import Dict, Iterable, NamedTuple, Optional


class CallKind(str, Enum):
    """How the control flow gets from a caller to a callee. The values are those in recordings and graphs."""

    DIRECT = "direct"  # the call instruction has the callee's address
    INDIRECT = "indirect"  # the call instruction goes through a function pointer
    CALL = "call"  # direct or indirect: a backtrace alone does not tell which
    TAIL = "tail"  # a jump in place of a call and a return; the caller leaves no frame of its own
    INLINE = "inline"  # the compiler put the callee's code into the caller
    THREAD_START = "thread-start"  # pthread_create with the callee as start function
    SIGNAL = "signal"  # into a signal handler
    SYSCALL = "syscall"  # from ioctl() to the first kernel function that serves it
    KERNEL = "kernel"  # between kernel functions, observed on a kernel stack
    DOCUMENTED = "documented"  # to a kernel function from requests.toml, not observed
    UNKNOWN = "unknown"  # frames may be missing between the two

    def __str__(self) -> str:
        return self.value


class CallKindText(NamedTuple):
    """The arrow, label and sentence that show a kind of call."""

    arrow: str  # between caller and callee, or in front of the callee
    label: str  # a noun phrase, for keys and edges: "tail call"
    sentence: str  # what the caller does, in front of the callee's name: "jumps to (tail call)"


CALL_KINDS: Dict[CallKind, CallKindText] = {
    CallKind.DIRECT: CallKindText(">", "direct call", "calls"),
    CallKind.INDIRECT: CallKindText("*>", "call through a pointer", "calls through a pointer"),
    CallKind.CALL: CallKindText(
        ".>", "call, direct or through a pointer", "calls (directly or through a pointer)"
    ),
    CallKind.TAIL: CallKindText("t>", "tail call", "jumps to (tail call)"),
    CallKind.INLINE: CallKindText("i>", "inlined", "contains, inlined"),
    CallKind.THREAD_START: CallKindText("=>", "thread start", "starts a thread in"),
    CallKind.SIGNAL: CallKindText("s>", "signal", "is interrupted by a signal for"),
    CallKind.SYSCALL: CallKindText("$>", "system call", "enters the kernel, which calls"),
    CallKind.KERNEL: CallKindText("k>", "kernel call", "calls, in the kernel"),
    CallKind.DOCUMENTED: CallKindText(
        "d>", "documented kernel call, not observed", "calls, as the kernel's sources say (not observed)"
    ),
    CallKind.UNKNOWN: CallKindText("?>", "unknown call", "leads to (unknown call)"),
}
"""How each kind of call is shown. A new kind needs a value above, an entry here, and a style in `reports/dot`."""
ARROW_WIDTH = max(len(text.arrow) for text in CALL_KINDS.values())


def call_arrow(kind: Optional[CallKind]) -> str:
    """Return the arrow of a kind of call; "" for None, the kind of an outermost function."""
    return CALL_KINDS[kind].arrow if kind else ""


def arrow_key(kinds: Iterable[Optional[CallKind]]) -> str:
    """Return arrows and labels of `kinds`, in the table's order: `> direct call; *> call through a pointer`."""
    shown = set(kinds)
    return "; ".join("%s %s" % (text.arrow, text.label) for kind, text in CALL_KINDS.items() if kind in shown)
