"""What the report shows, as data. The template only prints it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class SourceLine:
    """A line of source; `here` marks the one that makes the call."""

    number: int
    text: str
    here: bool


@dataclass(frozen=True)
class PointerOriginStory:
    """A step back to where a pointer was set; `trace` is the backtrace of that moment, "" without one."""

    words: str
    place: str
    source: tuple[SourceLine, ...]
    trace: str


@dataclass(frozen=True)
class PointerStory:
    """The pointer a call went through; `holds` is its address and value, "" when there is no recording."""

    words: str
    holds: str
    set_by: tuple[PointerOriginStory, ...]
    problem: str


@dataclass(frozen=True)
class StoryStep:
    """A function of a chain. `kind` says how the previous one came to it."""

    function: str
    identity: str  # key into `Page.details`
    kind: str
    arrow: str
    words: str
    place: str  # file:line, "" when unknown
    instruction: str
    arguments: str
    source: tuple[SourceLine, ...]
    through: tuple[PointerStory, ...]  # the pointers the previous one called this one through


@dataclass(frozen=True)
class StoryChapter:
    """The way to one milestone: `known` steps were told in the chapter before, `steps` are new."""

    milestone: str
    title: str
    about: str
    thread: str
    known: tuple[StoryStep, ...]
    steps: tuple[StoryStep, ...]
    pointers: int  # calls through a function pointer among all steps


@dataclass(frozen=True)
class TimelineEntry:
    """A milestone in the timeline; `time` is "" when it was not reached."""

    title: str
    name: str
    time: str
    function: str
    required: bool


@dataclass(frozen=True)
class IoctlRow:
    """An ioctl: the descriptor it was made on, and what it gave."""

    request: str
    fd: str
    file: str
    thread: str
    returned: str
    function: str


@dataclass(frozen=True)
class DescriptorRow:
    """A step of the ladder of descriptors: `request` gave it, `ioctls` went to it."""

    depth: int
    request: str
    name: str
    file: str
    ioctls: int


@dataclass(frozen=True)
class IoctlLogRow:
    """`count` equal ioctls in a row."""

    time: str
    thread: str
    fd: str
    descriptor: str
    request: str
    argument: str
    result: str
    chain: str
    kernel: str
    observed: bool
    count: int

    def same_as(self, other: IoctlLogRow) -> bool:
        """Whether nothing but time and count tells them apart."""
        return replace(self, time="", count=0) == replace(other, time="", count=0)

    def once_more(self) -> IoctlLogRow:
        """One more of these."""
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
    through: str  # the slot of the last pointer, and who set it
    set_by: str


@dataclass(frozen=True)
class IoAccessRow:
    """One access across the lanes; `leaves` tells that KVM left the guest for QEMU."""

    thread: str
    time: str
    guest: str
    instruction: str
    more: str
    kvm: str
    leaves: bool
    kernel: str
    lanes: tuple[DeviceCall, ...]
    back: str


@dataclass(frozen=True)
class ThreadRow:
    """A thread that was stopped in, or created."""

    label: str
    start: str
    creator: str
    stops: int


@dataclass(frozen=True)
class BacktraceText:
    """A backtrace as text."""

    heading: str
    text: str


@dataclass(frozen=True)
class RunSection:
    """One recording: what ran, what it said and where it was stopped."""

    name: str  # "" when there is only one
    facts: tuple[tuple[str, str], ...]
    command: str
    serial: str
    messages: str
    timeline: tuple[TimelineEntry, ...]
    threads: tuple[ThreadRow, ...]
    rungs: tuple[IoctlRow, ...]  # when there is no ledger
    ladder: tuple[DescriptorRow, ...]
    ioctl_log: tuple[IoctlLogRow, ...]
    kernel: str  # what is known of the kernel's side
    requests: tuple[tuple[str, int], ...]  # how often each was made
    traces: tuple[BacktraceText, ...]
    more_traces: int  # those that there are besides
    accesses: tuple[IoAccessRow, ...]
    exits: tuple[tuple[str, int, int], ...]  # reason, how many, how many of them followed


@dataclass(frozen=True)
class ReportPage:
    """The whole report."""

    title: str
    verdict: str
    complete: bool
    problems: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]  # what all runs have in common
    chapters: tuple[StoryChapter, ...]
    svg: str
    svg_missing: str
    details: dict[str, Any]
    rungs: tuple[IoctlRow, ...]  # of a graph alone
    runs: tuple[RunSection, ...]
    kinds: tuple[tuple[str, str, str, int], ...]  # kind, arrow, words, calls
    imported: bool  # nothing ran here: the stacks were read from a text
