"""The results of a comparison, as values. `reports` turns them into words, `policy` into a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from analyzer.graph.call_graph import CallGraph, ChainStep, Provenance
from gdbscripts.records import IMPORT


class ChangeKind(str, Enum):
    """The kinds of changes, worst first. The values are the words of `--fail-on` and of allow-lists."""

    CHAIN_REMOVED = "chain-removed"  # a milestone is no longer reached
    THREAD = "thread"  # a milestone is reached on another thread
    REMOVED = "removed"  # a function of the old chain is not in the new one
    INSERTED = "inserted"  # a function of the new chain is not in the old one
    RENAMED = "renamed"
    CALL_KIND = "call-kind"  # a direct call became an indirect one, or the reverse
    POINTER = "pointer"  # another slot, or another function that sets it
    IOCTL_REMOVED = "ioctl-removed"
    IOCTL_ADDED = "ioctl-added"
    IOCTL_REORDERED = "ioctl-reordered"  # issued earlier or later, on another thread, or on another descriptor
    CHAIN_ADDED = "chain-added"
    MOVED = "moved"  # a function is defined in another file
    FUNCTION_REMOVED = "function-removed"  # off the chains, as the next three
    FUNCTION_ADDED = "function-added"
    CALL_REMOVED = "call-removed"
    CALL_ADDED = "call-added"
    KIND_UNKNOWN = "kind-unknown"  # only one side knows the kind of a call
    HITS = "hits"  # another number of recorded stacks contains the call; only with `--hits`
    MACHINE_VERSION = "numbered"  # the same function of another machine version: pc_init_v7_2, pc_init_v8_0
    OPTIMISED = "optimised"  # inlined or without a frame in one build: the calls are the same

    def __str__(self) -> str:
        return self.value


NOTES = frozenset({ChangeKind.KIND_UNKNOWN, ChangeKind.MACHINE_VERSION, ChangeKind.OPTIMISED, ChangeKind.HITS})
"""Kinds that are reported and do not count as changes, unless `--fail-on` names them."""


class DiffState(str, Enum):
    """The result of the comparison for one function, call or aligned row.

    The values are the CSS classes of pages and drawings.
    """

    REMOVED = "removed"  # only the old side has it
    ADDED = "added"  # only the new side has it
    CHANGED = "changed"  # both sides have it, and it differs
    NOTE = "note"  # it differs in a way that does not count as a change
    UNCHANGED = "unchanged"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Change:
    """One change; there is one `Change` however many chains contain it.

    `subject` is what changed, as allow-lists name it: a function, `CALLER -> CALLEE`, an ioctl request or a
    milestone. `old` and `new` are the values on both sides ("" where there is none): names of functions for
    renamed, inserted and removed, files for moved and for changes off the chains, the kind of call in words for
    call-kind and kind-unknown, the slot and the functions that set it for pointer.
    """

    kind: ChangeKind
    subject: str
    old: str = ""
    new: str = ""
    after: str = ""  # inserted and removed: the function that calls it in its chain, "" for the outermost
    note: str = ""  # additional facts, such as the known history of a name
    chains: tuple[str, ...] = ()  # milestones whose chains contain the change, in the order of the scenario
    file: str = ""  # relative to the source root, of the new program, else of the old one
    line: int = 0  # in `file`, 0 when unknown

    @property
    def key(self) -> tuple[str, ...]:
        """The identity of the change, without the chains that contain it."""
        return self.kind, self.subject, self.old, self.new, self.after


@dataclass(frozen=True)
class AlignedRow:
    """A row of two aligned chains: a function of both sides, or of one side, with None on the other."""

    old: ChainStep | None
    new: ChainStep | None
    changes: tuple[Change, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the row has a change that is no note."""
        return any(change.kind not in NOTES for change in self.changes)


@dataclass(frozen=True)
class ChainDiff:
    """Two aligned chains to one milestone, outermost function first.

    A side that lacks the chain has no step in any row.
    """

    milestone: str
    title: str
    target: bool  # the report shows a chain of its own to this milestone
    old_thread: str  # "" on a side that lacks the chain
    new_thread: str
    rows: tuple[AlignedRow, ...]
    changes: tuple[Change, ...]  # of the chain itself and of all rows
    known: int = 0  # the number of first rows that an earlier chain has, too

    @property
    def divergence(self) -> AlignedRow | None:
        """The first row with a change that is no note; None when there is none."""
        return next((row for row in self.rows if row.differs), None)

    @property
    def differs(self) -> bool:
        """Whether the chain has a change that is no note."""
        return any(change.kind not in NOTES for change in self.changes)


@dataclass(frozen=True)
class NamedProvenance:
    """A side of a comparison: the name that the user gave for it, and where its graph comes from."""

    name: str
    provenance: Provenance

    @property
    def imported(self) -> bool:
        """Whether the graph is of imported backtraces, which show single moments of a run only."""
        return self.provenance.scenario == IMPORT


@dataclass(frozen=True)
class NamedGraph:
    """A graph to compare, and the name that the user gave for it."""

    name: str
    graph: CallGraph

    @property
    def scenario(self) -> str:
        """The recorded scenario, as in `Provenance.scenario`."""
        return self.graph.provenance.scenario

    @property
    def complete(self) -> bool:
        """Whether the recording ended normally, as in `Provenance.complete`."""
        return self.graph.provenance.complete

    @property
    def imported(self) -> bool:
        """Whether the graph is of imported backtraces, as in `NamedProvenance.imported`."""
        return self.side.imported

    @property
    def side(self) -> NamedProvenance:
        """The name and the provenance, without the graph."""
        return NamedProvenance(self.name, self.graph.provenance)


@dataclass(frozen=True)
class NotComparable:
    """A part that could not be compared: `subject` names it, `reason` is a sentence that says why."""

    subject: str
    reason: str


@dataclass(frozen=True)
class Diff:
    """The result of a comparison: chains, changes and what could not be compared."""

    old: NamedProvenance
    new: NamedProvenance
    chains: tuple[ChainDiff, ...]  # in the order of the scenario
    changes: tuple[Change, ...]  # each change once: worst kind first, then by subject
    not_comparable: tuple[NotComparable, ...]

    @property
    def recorded(self) -> bool:
        """Whether both sides are recordings, and neither is an imported backtrace."""
        return not (self.old.imported or self.new.imported)
