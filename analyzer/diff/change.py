"""What a comparison finds, as values. Words, colours and exit statuses come later."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from analyzer.graph.call_graph import CallGraph, ChainStep, Provenance
from gdbscripts.records import IMPORT


class ChangeKind(str, Enum):
    """What may change; the values are the words of `--fail-on` and of the allow file. Worst first."""

    CHAIN_REMOVED = "chain-removed"  # a milestone that was reached before is not any more
    THREAD = "thread"  # a milestone is reached on another thread
    REMOVED = "removed"  # a function of a chain is not on the way any more
    INSERTED = "inserted"  # a function came in between
    RENAMED = "renamed"
    CALL_KIND = "call-kind"  # a direct call became one through a pointer, or the other way
    POINTER = "pointer"  # another slot, or another function that sets it
    IOCTL_REMOVED = "ioctl-removed"
    IOCTL_ADDED = "ioctl-added"
    IOCTL_REORDERED = "ioctl-reordered"  # later or earlier; or on another thread, or of another descriptor
    CHAIN_ADDED = "chain-added"
    MOVED = "moved"  # to another file
    FUNCTION_REMOVED = "function-removed"  # outside the chains, as the next three
    FUNCTION_ADDED = "function-added"
    CALL_REMOVED = "call-removed"
    CALL_ADDED = "call-added"
    KIND_UNKNOWN = "kind-unknown"  # how a call is made is known of one recording only
    HITS = "hits"  # recorded more or less often; only when asked for
    NUMBERED = "numbered"  # the same function of another machine version: pc_init_v7_2, pc_init_v8_0
    OPTIMISED = "optimised"  # inlined or left by a jump in one build: the way is the same

    def __str__(self) -> str:
        return self.value


NOTES = frozenset({ChangeKind.KIND_UNKNOWN, ChangeKind.NUMBERED, ChangeKind.OPTIMISED, ChangeKind.HITS})
"""Kinds that are told and do not count, unless `--fail-on` names them."""


@dataclass(frozen=True)
class Change:
    """One change, told once however many chains pass through it.

    `subject` is what it is about, as the allow file names it: a function, `CALLER -> CALLEE`, an ioctl's request
    or a milestone. `old` and `new` are what was and what is ("" where nothing is): names for renamed, inserted
    and removed, files for moved and outside the chains, words for the kind of call for call-kind and
    kind-unknown, a pointer's slot and who set it for pointer.
    """

    kind: ChangeKind
    subject: str
    old: str = ""
    new: str = ""
    after: str = ""  # inserted and removed: the function before it in its chain, "" when it is the first
    note: str = ""  # what is known besides, such as the history of a name
    chains: tuple[str, ...] = ()  # milestones whose chains show it, in the order of the scenario
    file: str = ""  # where to look, relative to the source root: in the new program, else in the old one
    line: int = 0  # 0 when unknown

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it this change, wherever it is seen."""
        return self.kind, self.subject, self.old, self.new, self.after


@dataclass(frozen=True)
class AlignedRow:
    """A function of two aligned chains: on both sides, or on one (the other is None)."""

    old: ChainStep | None
    new: ChainStep | None
    changes: tuple[Change, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything but a note is to be said of it."""
        return any(change.kind not in NOTES for change in self.changes)


@dataclass(frozen=True)
class ChainDiff:
    """The chains to one milestone, aligned, outermost first. A side without the chain has no steps in any row."""

    milestone: str
    title: str
    target: bool  # a chain of its own leads here in the report
    old_thread: str  # "" on a side that lacks the chain
    new_thread: str
    rows: tuple[AlignedRow, ...]
    changes: tuple[Change, ...]  # of all rows, and of the chain itself
    known: int = 0  # so many rows at the beginning are equal to those of a chain before this one

    @property
    def divergence(self) -> AlignedRow | None:
        """The first row that differs; None when none does."""
        return next((row for row in self.rows if row.differs), None)

    @property
    def differs(self) -> bool:
        """Whether anything but a note is to be said of it."""
        return any(change.kind not in NOTES for change in self.changes)


@dataclass(frozen=True)
class NamedProvenance:
    """What was compared: the name it was given by, and where it comes from."""

    name: str
    provenance: Provenance

    @property
    def imported(self) -> bool:
        """Whether it is of backtraces that somebody pasted: what they do not show proves nothing."""
        return self.provenance.scenario == IMPORT


@dataclass(frozen=True)
class NamedGraph:
    """A graph to compare, and the name it was given by."""

    name: str
    graph: CallGraph

    @property
    def scenario(self) -> str:
        """What was recorded, as `Provenance.scenario`."""
        return self.graph.provenance.scenario

    @property
    def complete(self) -> bool:
        """Whether it was recorded to its end."""
        return self.graph.provenance.complete

    @property
    def imported(self) -> bool:
        """As `Side.pasted`."""
        return self.side.imported

    @property
    def side(self) -> NamedProvenance:
        """What is told of it."""
        return NamedProvenance(self.name, self.graph.provenance)


@dataclass(frozen=True)
class NotComparable:
    """What could not be compared, and why."""

    subject: str
    reason: str


@dataclass(frozen=True)
class Diff:
    """A comparison, whole."""

    old: NamedProvenance
    new: NamedProvenance
    chains: tuple[ChainDiff, ...]  # in the order of the scenario
    changes: tuple[Change, ...]  # all, each once: worst first, then by subject
    not_comparable: tuple[NotComparable, ...]

    @property
    def recorded(self) -> bool:
        """Whether both sides are recordings, and none a pasted backtrace."""
        return not (self.old.imported or self.new.imported)
