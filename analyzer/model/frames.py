"""Functions, stack frames, stops and threads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from analyzer.model.call_kinds import CallKind, call_arrow
from analyzer.model.headings import write_thread
from gdbscripts.enums import FrameKind, StopReason
from gdbscripts.records import CUT, UNKNOWN_NAME

_COMPILER_SUFFIX = re.compile(r"\.(?:constprop|part|isra|cold|lto_priv)(?:\.\d+)?(?=\.|$)")
_LIBC_PREFIX = re.compile(r"^__GI_+")


# Functions of the C library below `main`, and those and the ones below the start function of a thread.
CALL_MAIN = frozenset(
    {"_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main", "generic_start_main"}
)
LIBC_START_FRAMES = CALL_MAIN | {"start_thread", "clone", "clone3", "__clone", "__clone3", "thread_start"}


@dataclass(frozen=True, order=True)
class Function:
    """Identity of a function: its name and where it is defined; never a line, an address or a value.

    `where` is the stem of the source file (`kvm-all`), or the library in brackets (`[libc]`), since whether a
    library has debug information depends on the host.
    """

    name: str
    where: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Frame:
    """One frame of a stack. `call` says how this frame calls the next inner one."""

    function: Function
    name: str  # as gdb shows it, compiler suffixes included
    kind: FrameKind
    file: str  # relative to the source root when it lies below it
    line: int
    library: str
    pc: int
    addressed: bool
    call: CallKind
    instruction: str
    via: tuple[Function, ...]  # functions between, called first to last, that jumped on and left no frame
    arguments: tuple[tuple[str, str], ...]

    @property
    def is_unknown(self) -> bool:
        """Whether it stands for functions that nobody knows: two of the same name are not the same."""
        return self.name == UNKNOWN_NAME or self.name.startswith(CUT)


@dataclass(frozen=True)
class IoctlAtStop:
    """One ioctl: the descriptor, what is behind it, the request, what it returned (None: not recorded)."""

    request: str
    number: int
    fd: int
    file: str
    returned: int | None


@dataclass(frozen=True)
class Stop:
    """A thread's stack at one moment, frames innermost first."""

    number: int
    time: float  # seconds since the program was started
    thread: int
    reason: StopReason
    milestones: tuple[str, ...]
    function: str
    frames: tuple[Frame, ...]
    ioctl: IoctlAtStop | None = None
    starts: Function | None = None  # thread-create: the new thread's start function
    exit: int | None = None  # io: number of the exit that is being handled
    count: int = 1  # how many equal stacks it stands for


@dataclass(frozen=True)
class Thread:
    """A thread of the program. `created_by` is the number of the stop in which another thread created it."""

    number: int
    tid: int
    name: str  # "" when nobody named it
    created_by: int | None = None
    start: Function | None = None

    @property
    def label(self) -> str:
        """What to call it."""
        return write_thread(self.number, self.name)


KindAndFunction = tuple[CallKind | None, Function]


def calls_in_program(frames: Sequence[Frame]) -> tuple[KindAndFunction, ...]:
    """The functions of a stack that are in no library, outermost first, and the kind of the call to each.

    `frames` are innermost first. The outermost function has None for a kind.
    """
    outermost_first = frames[::-1]
    kinds = (None, *(frame.call for frame in outermost_first))
    calls = [(kind, it.function) for kind, it in zip(kinds, outermost_first, strict=False) if not it.library]
    return ((None, calls[0][1]), *calls[1:]) if calls else ()


def chain_text(calls: Sequence[KindAndFunction]) -> str:
    """The functions in a line, with the arrows of their calls: `main > qemu_init *> kvm_init`."""
    return " ".join(f"{call_arrow(kind)} {function.name}" for kind, function in calls).strip()


CallKey = tuple[str, tuple[int, ...]]  # the function reached, and the return addresses from the call outwards


def call_key(frames: Sequence[Frame], position: int, callee: str) -> CallKey:
    """What names the call that frame `position` of a stack makes."""
    return callee, returns_from(frames, position)


def returns_from(frames: Sequence[Frame], position: int) -> tuple[int, ...]:
    """The return addresses of a stack from frame `position` outwards: an inlined function has none of its own."""
    return tuple(frame.pc for frame in frames[position:] if frame.kind in (FrameKind.NORMAL, FrameKind.TAIL))


def identify(name: str, file: str, library: str) -> Function:
    """The function's identity from how gdb names it."""
    if library:
        stem = PurePosixPath(library).name.partition(".so")[0].partition("-2.")[0]
        return Function(_LIBC_PREFIX.sub("", name), f"[{stem}]")
    return Function(without_compiler_suffix(name), PurePosixPath(file).stem)


def without_compiler_suffix(name: str) -> str:
    """`pc_init1.constprop.0` is `pc_init1`."""
    return _COMPILER_SUFFIX.sub("", name)
