"""The domain: frozen values that every stage after recording works on. No gdb, no files, no processes here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import PurePosixPath

from gdbscripts import wire

_COMPILER_SUFFIX = re.compile(r"\.(?:constprop|part|isra|cold|lto_priv)(?:\.\d+)?(?=\.|$)")
_LIBC_PREFIX = re.compile(r"^__GI_+")


# Functions of the C library below `main`, and those and the ones below the start function of a thread.
CALL_MAIN = frozenset(
    {"_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main", "generic_start_main"}
)
LIBC_START_FRAMES = CALL_MAIN | {"start_thread", "clone", "clone3", "__clone", "__clone3", "thread_start"}


class CallKind(str, Enum):
    """How a caller comes to a callee."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    CALL = "call"  # called; whether directly or through a pointer is not known
    TAIL = "tail"
    INLINE = "inline"
    THREAD_START = "thread-start"
    SIGNAL = "signal"
    SYSCALL = "syscall"  # from an ioctl to the kernel's function that serves it
    KERNEL = "kernel"  # between functions of the kernel, as seen on its stack
    DOCUMENTED = "documented"  # to a function of the kernel that its sources name, and nobody saw
    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return self.value


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
    kind: str  # normal, inline, tail, signal, other
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
    def is_hole(self) -> bool:
        """Whether it stands for functions that nobody knows: two of the same name are not the same."""
        return self.name == wire.UNKNOWN_NAME or self.name.startswith(wire.CUT)


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
    reason: str  # milestone, break, thread-create, where, store, io, sample
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
        return "main thread" if self.number == 1 else self.name or f"thread {self.number}"


@dataclass(frozen=True)
class KernelEvent:
    """A tracepoint passed, `count` times, while the kernel served an ioctl; `stack` is outermost first."""

    time: float  # of the first, in seconds since the program was started
    name: str
    text: str
    stack: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class Ioctl:
    """One ioctl on a descriptor of KVM. `before` and `after` are the beginning of what its argument points to."""

    number: int
    time: float  # seconds since the program was started
    thread: int
    fd: int
    file: str
    request: int
    argument: int
    before: bytes
    after: bytes
    returned: int | None  # a negative errno when it failed; None when it did not return while recorded
    frames: tuple[Frame, ...]  # innermost first; none when the same call was recorded often before
    kernel: tuple[KernelEvent, ...] = ()

    @property
    def functions(self) -> tuple[Function, ...]:
        """The program's functions that led to it, outermost first; () when they were not recorded."""
        own = [frame.function for frame in self.frames if not frame.library]
        return tuple(reversed(own))


@dataclass(frozen=True)
class KvmExit:
    """KVM_RUN came back with something to do; `run` and `data` are as `analyzer.kvm.exits` decodes them."""

    number: int
    ioctl: int  # number of the KVM_RUN in the ledger
    time: float  # seconds since the program was started
    thread: int
    run: bytes
    data: bytes  # what the guest writes to a port
    answer: bytes  # what it was given to read


@dataclass(frozen=True)
class PointerOrigin:
    """A step back from a call through a pointer to where the pointer was set.

    `what`: passed (as the argument `name`), read (from the slot `name`), stored (to it), copied (to it, from the
    slot of the next step), written (the function's name), static (the table `name` has it from the beginning),
    returned (by the function `name`). `function` is the one that does it, None for read and static.
    """

    what: str
    name: str
    function: Function | None
    file: str
    line: int
    address: int  # of the slot; 0 when there is none
    stop: int | None  # number of the stop that shows it


@dataclass(frozen=True)
class Pointer:
    """The pointer that an indirect call went through. `outcome`: explained, not reproduced, unknown."""

    kind: str  # member, static, global, argument, local, unknown
    slot: str  # `AccelClass.init_machine`; "" when it has no name
    address: int
    value: int
    target: str  # the function it points to
    outcome: str
    reason: str
    leads: tuple[Function, ...]  # the target and others, when they jumped on to the callee
    steps: tuple[PointerOrigin, ...]  # that nearest to the call first


@dataclass(frozen=True)
class Recording:
    """A recording, whole: what ran, what was waited for, what happened."""

    header: wire.HeaderRecord
    source_root: str
    milestones: tuple[wire.MilestoneRecord, ...]
    threads: tuple[Thread, ...]
    stops: tuple[Stop, ...]
    accelerator: wire.AcceleratorRecord | None = None
    sources: dict[str, dict[int, str]] = field(default_factory=dict)  # file -> line number -> text
    outputs: dict[str, str] = field(default_factory=dict)  # stream -> text
    exit: wire.ProgramExitRecord | None = None
    notes: tuple[str, ...] = ()
    end: wire.EndRecord | None = None  # None: cut short
    ledger: tuple[Ioctl, ...] = ()
    exits: tuple[KvmExit, ...] = ()
    exit_counts: dict[int, int] = field(default_factory=dict)  # reason -> how many, recorded or not
    kernel: wire.KernelTraceRecord | None = None  # None: nobody tried to record the kernel's side
    # A call through a pointer, as `call_key` names it -> that pointer, as it was when the call was seen first.
    pointers: dict[CallKey, Pointer] = field(default_factory=dict)

    @property
    def reached(self) -> set[str]:
        """Names of the milestones that were reached."""
        return {name for stop in self.stops for name in stop.milestones}

    @property
    def not_reached(self) -> list[wire.MilestoneRecord]:
        """Required milestones that were not."""
        reached = self.reached
        return [m for m in self.milestones if m.required and m.name not in reached]

    def thread(self, number: int) -> Thread:
        """The thread of that number; KeyError when there is none."""
        return self._threads[number]

    def creation(self, thread: Thread) -> Stop | None:
        """The stop in which another thread created `thread`, when that was recorded."""
        return None if thread.created_by is None else self._stops[thread.created_by]

    def stop(self, number: int) -> Stop:
        """The stop of that number; KeyError when there is none."""
        return self._stops[number]

    def ledger_of(self, thread: int, fd: int, request: int) -> tuple[Ioctl, ...]:
        """The ioctls of a thread on a descriptor with one request, in the order made."""
        return tuple(self._ledger.get((thread, fd, request), ()))

    @cached_property
    def _ledger(self) -> dict[tuple[int, int, int], list[Ioctl]]:
        found: dict[tuple[int, int, int], list[Ioctl]] = {}
        for entry in self.ledger:
            found.setdefault((entry.thread, entry.fd, entry.request), []).append(entry)
        return found

    @cached_property
    def _threads(self) -> dict[int, Thread]:
        return {thread.number: thread for thread in self.threads}

    @cached_property
    def _stops(self) -> dict[int, Stop]:
        return {stop.number: stop for stop in self.stops}


CallKey = tuple[str, tuple[int, ...]]  # the function reached, and the return addresses from the call outwards


def call_key(frames: Sequence[Frame], position: int, callee: str) -> CallKey:
    """What names the call that frame `position` of a stack makes."""
    return callee, returns_from(frames, position)


def returns_from(frames: Sequence[Frame], position: int) -> tuple[int, ...]:
    """The return addresses of a stack from frame `position` outwards: an inlined function has none of its own."""
    return tuple(frame.pc for frame in frames[position:] if frame.kind in ("normal", "tail"))


def identify(name: str, file: str, library: str) -> Function:
    """The function's identity from how gdb names it."""
    if library:
        stem = PurePosixPath(library).name.partition(".so")[0].partition("-2.")[0]
        return Function(_LIBC_PREFIX.sub("", name), f"[{stem}]")
    return Function(without_compiler_suffix(name), PurePosixPath(file).stem)


def without_compiler_suffix(name: str) -> str:
    """`pc_init1.constprop.0` is `pc_init1`."""
    return _COMPILER_SUFFIX.sub("", name)
