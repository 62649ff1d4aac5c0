"""Functions, stack frames, stops and threads."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import NamedTuple

from analyzer.model.headings import write_thread
from gdbscripts.call_kinds import CallKind, call_arrow
from gdbscripts.enums import FrameKind, StopReason
from gdbscripts.records import CUT, UNKNOWN_NAME

_COMPILER_SUFFIX = re.compile(r"\.(?:constprop|part|isra|cold|lto_priv)(?:\.\d+)?(?=\.|$)")
# What tools add to a name: the symbol version, `@plt`; and Rust's hashes of a function and of a crate.
_SYMBOL_VERSION = re.compile(r"(?<=[^@\s])(?:@plt|@{1,2}[A-Za-z][\w.+-]{0,100})$")
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}(?=\.|$)|(?<=\w)\[[0-9a-f]{1,16}\](?=::)")
_LIBC_PREFIX = re.compile(r"^__GI_+")


# glibc's functions that call `main`, and with them those that call a thread's start function.
CALLERS_OF_MAIN = frozenset(
    {"_start", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main", "generic_start_main"}
)
LIBC_START_FRAMES = CALLERS_OF_MAIN | {"start_thread", "clone", "clone3", "__clone", "__clone3", "thread_start"}


class Function(NamedTuple):
    """Identity of a function: its name without compiler suffixes, and where it is defined.

    `where` is the stem of the source file (`kvm-all`). For a library's function it is the library in brackets
    (`[libc]`), since it depends on the host whether a library has debug information; `[kernel]` for the kernel's.
    Lines, addresses and argument values are no part of the identity: they differ between builds and runs. It is a
    named tuple, since a graph looks functions up by the million, and tuples are compared without Python code.
    """

    name: str
    where: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class DefinedFunction:
    """A function, and the source file that defines it: relative to the source root, "" when unknown."""

    function: Function
    file: str = ""


Arguments = tuple[tuple[str, str], ...]  # (name, value as gdb prints it), in the order of the declaration


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a stack. `call` is the kind of the call from this frame to the next inner one.

    Arguments differ from stop to stop: `Stop.arguments`. `file` and `line` are those that gdb's `bt` prints.
    `defined_in` is the file that defines the function: another one when the line is in code that was inlined or
    included from there.
    """

    function: Function
    name: str  # as gdb shows it, with compiler suffixes
    kind: FrameKind
    file: str  # relative to the source root when it lies below it; "" when unknown
    line: int  # 0 when unknown
    library: str  # path of the shared library; "" for the program itself
    pc: int  # 0 when unknown
    addressed: bool  # whether gdb prints the address: the frame is not at the beginning of a line
    call: CallKind
    instruction: str  # the call instruction, disassembled; "" when it was not read
    elided: tuple[DefinedFunction, ...]  # between this frame and the next inner one, left by a tail call
    defined_in: str = ""  # relative as `file`; "" when unknown, and for a function of a library

    @property
    def is_unknown(self) -> bool:
        """Whether it stands for missing or unnamed functions: two such frames are never the same function."""
        return self.name == UNKNOWN_NAME or self.name.startswith(CUT)


@dataclass(frozen=True)
class IoctlAtStop:
    """The ioctl that a stop is at; the ioctl log has all ioctls with their arguments."""

    request: str  # name, KVM_CREATE_VM
    number: int  # as in linux/kvm.h
    fd: int
    file: str  # target of /proc/PID/fd/N
    returned: int | None  # None when it was not recorded


@dataclass(frozen=True, slots=True)
class Stack:
    """The frames of a stack, innermost first; one object for all stops and ioctls of a recording that share it."""

    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """The stack of one thread at one moment, and why it was recorded."""

    number: int
    time: float  # seconds since the program was started
    thread: int  # number of the thread
    reason: StopReason
    milestones: tuple[str, ...]  # names of the milestones reached here
    function: str  # that the breakpoint is on; "" when none is
    stack: Stack
    arguments: tuple[Arguments, ...] = ()  # of each frame of the stack; () when they were not read
    ioctl: IoctlAtStop | None = None  # for a milestone that is a request
    starts: DefinedFunction | None = None  # thread-create: the new thread's start function
    exit: int | None = None  # io: number of the exit that QEMU is handling
    count: int = 1  # number of equal stacks that it stands for
    signal: str = ""  # signal: the name of the fatal signal that the thread got
    open_ended: bool = False  # the callers of the outermost frame are unknown: the backtrace was cut

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames of the stack, innermost first."""
        return self.stack.frames

    def arguments_of(self, position: int) -> Arguments:
        """The arguments of frame `position` of the stack; () when they were not read."""
        return self.arguments[position] if self.arguments else ()

    def frames_with_arguments(self) -> Iterator[tuple[Frame, Arguments]]:
        """The frames of the stack, innermost first, each with its arguments."""
        return zip(self.frames, self.arguments or ((),) * len(self.frames), strict=True)


def distinct_stops(stops: Iterable[Stop], merge_ioctls: bool = False) -> list[Stop]:
    """Merge the stops that differ only in number, time, arguments and exit: the first one, with the sum of counts.

    Their stacks are one object. A stop that creates a thread stays single, and so does one at an ioctl, since the
    kernel's functions differ from call to call; with `merge_ioctls` those of one request and file are merged, too.
    The result is in the order of the first ones.
    """
    return list(each_distinct_stop(stops if isinstance(stops, Sequence) else list(stops), merge_ioctls))


def each_distinct_stop(
    stops: Sequence[Stop], merge_ioctls: bool = False, wanted: Callable[[Stop], bool] = lambda _: True
) -> Iterator[Stop]:
    """Yield what `distinct_stops` returns for the stops that are `wanted`; only a number is kept for each."""
    facts_numbers: dict[tuple[object, ...], int] = {}
    groups: dict[int, int] = {}  # id of the stack, and number of the facts -> position in `first`
    first, counts = array("q"), array("q")
    for position, stop in enumerate(stops):
        if not wanted(stop):
            continue
        single: object = stop.number if stop.ioctl is not None or stop.starts is not None else None
        if merge_ioctls and stop.ioctl is not None:
            single = stop.ioctl.request, stop.ioctl.file
        facts = (stop.thread, stop.function, stop.reason, stop.milestones, stop.signal, stop.open_ended, single)
        key = id(stop.stack) << 32 | facts_numbers.setdefault(facts, len(facts_numbers))
        group = groups.setdefault(key, len(first))
        if group == len(first):
            first.append(position)
            counts.append(stop.count)
        else:
            counts[group] += stop.count
    groups.clear()
    for position, count in zip(first, counts, strict=True):
        stop = stops[position]
        yield stop if stop.count == count else replace(stop, count=count)


@dataclass(frozen=True)
class Thread:
    """A thread of the program. `created_by` is the number of the stop in which another thread created it."""

    number: int  # gdb's; 1 is the main thread
    tid: int  # the kernel's; 0 when unknown
    name: str  # "" when the program did not name it
    created_by: int | None = None
    start: Function | None = None  # its start function

    @property
    def label(self) -> str:
        """The thread's name in every output: `main thread`, `CPU 0/KVM`, `thread 3`."""
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


CallKey = tuple[str, tuple[int, ...]]  # name of the callee, and the return addresses from the call outwards


def call_key(frames: Sequence[Frame], position: int, callee: str) -> CallKey:
    """The key of the call that frame `position` of `frames` (innermost first) makes to `callee`."""
    return callee, return_addresses(frames, position)


def return_addresses(frames: Sequence[Frame], position: int) -> tuple[int, ...]:
    """The return addresses of a stack from frame `position` outwards; an inlined function has none of its own."""
    return tuple(frame.pc for frame in frames[position:] if frame.kind in (FrameKind.NORMAL, FrameKind.TAIL))


def identify(name: str, file: str, library: str) -> Function:
    """The identity of the function that gdb calls `name`, in source file `file` or, when not "", in `library`."""
    name = without_symbol_version(name)
    if library:
        stem = PurePosixPath(library).name.partition(".so")[0].partition(".dylib")[0].partition("-2.")[0]
        return Function(_LIBC_PREFIX.sub("", name), f"[{stem}]")
    return Function(without_compiler_suffix(name), PurePosixPath(file).stem)


def without_compiler_suffix(name: str) -> str:
    """The name as in the source, without the suffixes of GCC's clones: `pc_init1` for `pc_init1.constprop.0`."""
    return _COMPILER_SUFFIX.sub("", name)


def without_symbol_version(name: str) -> str:
    """The name without `@@GLIBC_2.3.2`, `@plt` and Rust's hashes, which differ between builds of one function."""
    bare = _SYMBOL_VERSION.sub("", name) if "@" in name else name
    return _RUST_HASH.sub("", bare) if "::" in bare else bare
