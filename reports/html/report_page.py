"""What the report page shows, as data. The template only prints it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class SourceLine:
    """A line of source code; `highlighted` marks the line that makes the call or sets the pointer."""

    number: int
    text: str
    highlighted: bool


@dataclass(frozen=True)
class PointerOriginStory:
    """A step from a call back to where its pointer was set, with the backtrace of that step ("" without one)."""

    sentence: str
    place: str  # file:line, "" when unknown
    source: tuple[SourceLine, ...]
    backtrace: str


@dataclass(frozen=True)
class PointerStory:
    """The function pointer of an indirect call: its slot and, from the last step to the first, its origins."""

    slot: str
    address_and_value: str  # "" without a recording
    origins: tuple[PointerOriginStory, ...]
    problem: str  # why the origins are unknown, "" when they are known


@dataclass(frozen=True)
class StoryStep:
    """A function of a chain; `kind`, `arrow` and `call_sentence` say how its caller calls it."""

    function: str
    identity: str  # key into `ReportPage.function_details`
    kind: str
    arrow: str
    call_sentence: str
    place: str  # file:line, "" when unknown
    instruction: str
    arguments: str
    source: tuple[SourceLine, ...]
    pointers: tuple[PointerStory, ...]  # that its caller calls it through


@dataclass(frozen=True)
class StoryChapter:
    """The chain to one milestone, split into the steps shared with the previous chapter and the new ones."""

    milestone: str
    title: str
    about: str
    thread: str
    shared_steps: tuple[StoryStep, ...]
    new_steps: tuple[StoryStep, ...]
    indirect_calls: int  # among all steps


@dataclass(frozen=True)
class TimelineEntry:
    """A milestone of a run; `time` is "" when the run did not reach it, `passed`: it lies before the recording."""

    title: str
    name: str
    time: str
    function: str
    required: bool
    passed: bool = False


@dataclass(frozen=True)
class IoctlRow:
    """An ioctl: the request, the descriptor it was issued on, and what it returned."""

    request: str
    fd: str
    file: str
    thread: str
    returned: str
    function: str


@dataclass(frozen=True)
class DescriptorRow:
    """A descriptor in the hierarchy of KVM descriptors.

    `request` is the ioctl that returned it, `ioctls` the number of ioctls issued on it.
    """

    depth: int
    request: str
    name: str
    file: str
    ioctls: int


@dataclass(frozen=True)
class IoctlLogRow:
    """A row of the ioctl log: `count` equal ioctls in succession, `time` is that of the first one."""

    time: str
    thread: str
    fd: str
    descriptor: str
    request: str
    argument: str
    result: str
    chain: str  # of QEMU's functions
    kernel_chain: str
    observed: bool  # the kernel's functions are from its stack, not from its sources
    count: int

    def equals_but_for_time(self, other: IoctlLogRow) -> bool:
        """Return whether both rows are equal in all but time and count."""
        return replace(self, time="", count=0) == replace(other, time="", count=0)

    def with_one_more(self) -> IoctlLogRow:
        """Return this row with its count increased by one."""
        return replace(self, count=self.count + 1)


@dataclass(frozen=True)
class DeviceCall:
    """QEMU's call chain to a device's function."""

    completes_coalesced_write: bool  # whether it is for a write that KVM coalesced
    chain: str  # with the arrows of the calls
    caller: str  # of the device's function
    functions: int  # on the chain
    arrow: str  # how the device's function is called
    device: str
    place: str
    arguments: str
    slot: str  # of the pointer that the device's function is called through, "" when unknown
    set_by: str


@dataclass(frozen=True)
class IoAccessRow:
    """Successive I/O accesses that differ only in value: what the guest, KVM, QEMU and the device do."""

    thread: str
    time: str  # of the first one
    access: str
    instruction: str
    repetitions: str  # how many accesses and with which values, "" for a single one
    kvm: str  # the exit reason, else how the kernel completes the access
    exits_to_qemu: bool
    kernel_chain: str
    device_calls: tuple[DeviceCall, ...]
    returned: str  # what the guest gets


@dataclass(frozen=True)
class ThreadRow:
    """A thread that has backtraces, or that was created during the recording."""

    label: str
    start: str
    creator: str
    stops: int


@dataclass(frozen=True)
class BacktraceText:
    """A backtrace as text, with its heading."""

    heading: str
    text: str


@dataclass(frozen=True)
class RunSection:
    """One recording: the command, its output, its backtraces, ioctls and I/O accesses."""

    name: str  # "" when there is only one
    facts: tuple[tuple[str, str], ...]
    command: str
    serial_output: str
    qemu_messages: str
    timeline: tuple[TimelineEntry, ...]
    threads: tuple[ThreadRow, ...]
    ioctls: tuple[IoctlRow, ...]  # of the backtraces, when there is no ioctl log
    descriptors: tuple[DescriptorRow, ...]
    ioctl_log: tuple[IoctlLogRow, ...]
    kernel_note: str  # how the kernel's functions in the ioctl log are known
    request_counts: tuple[tuple[str, int], ...]
    backtraces: tuple[BacktraceText, ...]
    omitted_backtraces: int
    io_accesses: tuple[IoAccessRow, ...]
    exit_counts: tuple[tuple[str, int, int], ...]  # exit reason, exits, recorded exits


@dataclass(frozen=True)
class ReportPage:
    """All data of the report page."""

    title: str
    summary: str
    complete: bool
    problems: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]  # of all runs
    chapters: tuple[StoryChapter, ...]
    svg: str
    svg_missing: str  # why there is no drawing
    function_details: dict[str, Any]  # identity of the function -> what the panel beside the graph shows
    ioctls: tuple[IoctlRow, ...]  # of a graph without recordings
    runs: tuple[RunSection, ...]
    call_kinds: tuple[tuple[str, str, str, int], ...]  # kind, arrow, sentence, number of calls
    imported: bool  # the backtraces come from a text, not from a run
