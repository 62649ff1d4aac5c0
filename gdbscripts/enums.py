"""Fields of records whose value is one of a few, shared by both sides: standard library only.

Each member is the text that stands in a recording, so a record with a member and one with its text are one line.
"""

from __future__ import annotations

from enum import Enum


class TextEnum(str, Enum):
    """An enum whose members are texts. The constructor raises ValueError, with all members, for another text."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def _missing_(cls, value: object) -> TextEnum:
        raise ValueError("%r is not one of %s" % (value, ", ".join(cls)))


class Engine(TextEnum):
    """What records a run."""

    GDB = "gdb"  # breakpoints: QEMU is stopped at each
    PROBES = "probes"  # uprobes: the kernel copies registers and stack, QEMU is not stopped


class StopReason(TextEnum):
    """The reason for which the stack of a thread was recorded."""

    MILESTONE = "milestone"  # it reached a step of the scenario
    BREAK = "break"  # it reached a function that the user asked for with --break
    THREAD_CREATE = "thread-create"  # it calls pthread_create
    WHERE = "where"  # the recording ends, and the thread is there
    ATTACH = "attach"  # gdb attaches to the program, and the thread is there
    SIGNAL = "signal"  # the program crashed: the thread got a signal that ends it
    STORE = "store"  # it stored a pointer that an indirect call went through
    IO = "io"  # a device's function runs on behalf of the guest
    SAMPLE = "sample"  # imported: one of many stacks of a profile


class FrameKind(TextEnum):
    """The kinds of stack frames that gdb distinguishes, as `gdb.Frame.type()`."""

    NORMAL = "normal"
    INLINE = "inline"
    TAIL = "tail"
    SIGNAL = "signal"
    OTHER = "other"  # also a frame that stands for those left out


class SlotKind(TextEnum):
    """The kind of slot that an indirect call loads its pointer from."""

    MEMBER = "member"  # of a structure or an array
    STATIC = "static"  # initialised in the program file
    GLOBAL = "global"
    ARGUMENT = "argument"
    LOCAL = "local"
    UNKNOWN = "unknown"


class PointerOutcome(TextEnum):
    """Whether the origin of a function pointer was found."""

    EXPLAINED = "explained"
    NOT_REPRODUCED = "not reproduced"  # the run that was to show it stored another pointer
    UNKNOWN = "unknown"


class PointerOriginKind(TextEnum):
    """What one step from an indirect call back to the origin of its pointer does with the pointer."""

    PASSED = "passed"  # as an argument
    READ = "read"  # from a slot
    STORED = "stored"  # to a slot
    COPIED = "copied"  # to a slot, from the slot of the next step
    WRITTEN = "written"  # the function's name is in the source
    STATIC = "static"  # a table has it in the program file
    RETURNED = "returned"  # by a function


class RecordingOutcome(TextEnum):
    """How a recording ended, as its footer says."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"  # the program ended, or time ran out, before everything required was reached
    INTERRUPTED = "interrupted"  # by the user


FATAL_SIGNALS = ("SIGSEGV", "SIGABRT", "SIGILL", "SIGFPE", "SIGSYS")
"""Signals that end a program unless it handles them; gdb stops the program before they are delivered."""
