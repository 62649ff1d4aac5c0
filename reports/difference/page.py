"""What the page of a comparison shows, as data. The template only prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A change, told by a sign, a word and a family (gone, new, changed, note), so that no colour is needed."""

    anchor: str  # of its line in the table of all changes
    kind: str
    family: str
    sign: str
    word: str
    sentence: str
    counts: bool
    accepted: str


@dataclass(frozen=True)
class Part:
    """A piece of text; `changed` when it is what differs from the other side."""

    text: str
    changed: bool = False


@dataclass(frozen=True)
class Cell:
    """A function as one side has it. `kind` says how the one before came to it."""

    function: Part
    place: Part
    kind: str
    how: Part
    through: Part | None  # the pointer it was called through
    settings: tuple[Part, ...]  # how that was set, when this is what changed


@dataclass(frozen=True)
class Pair:
    """A row of two aligned chains. `identity` is the function's in the merged graph."""

    anchor: str
    family: str  # of its worst change; "same" without one
    kinds: str  # of all its changes, by spaces
    marks: tuple[Mark, ...]
    identity: str
    old: Cell | None
    new: Cell | None
    remarks: tuple[str, ...]
    first: bool  # the chains part here


@dataclass(frozen=True)
class Block:
    """Rows that stand together: behind a button with `label`, or open when that is ""."""

    anchor: str
    label: str
    names: str  # a taste of what is behind the button
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Chapter:
    """The two chains to a milestone. `missing` tells of a side that lacks it."""

    anchor: str
    title: str
    milestone: str
    threads: Part
    family: str  # gone or new when one side lacks it, else "both"
    marks: tuple[Mark, ...]  # of the chain as a whole
    lead: str
    lead_anchor: str  # the row where the chains part, "" without one
    lead_known: bool  # that row stood in a chain before
    missing: str
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Link:
    """A place on this page."""

    anchor: str
    text: str


@dataclass(frozen=True)
class Entry:
    """A line of the table of all changes."""

    mark: Mark
    words: str  # what it is about, and for an order the order
    places: tuple[Link, ...]  # the chapters that show it
    place: str


@dataclass(frozen=True)
class Chip:
    """How many changes of a kind there are."""

    kind: str
    family: str
    sign: str
    text: str


@dataclass(frozen=True)
class Fact:
    """Something known of both sides."""

    name: str
    old: str
    new: str

    @property
    def differs(self) -> bool:
        """Whether the two sides differ in it."""
        return self.old != self.new


@dataclass(frozen=True)
class RuleRow:
    """A must-hold rule and what became of it."""

    outcome: str
    sign: str
    rule: str
    reason: str
    words: str
    path: str


@dataclass(frozen=True)
class DiffPage:
    """The whole page."""

    title: str
    status: str  # same, differs, unchecked
    sign: str
    status_words: str
    verdict: str
    old: str
    new: str
    facts: tuple[Fact, ...]
    build: tuple[Fact, ...]
    unchecked: tuple[tuple[str, str], ...]  # what, and why
    rules: tuple[RuleRow, ...]
    stale: tuple[str, ...]
    chips: tuple[Chip, ...]
    chapters: tuple[Chapter, ...]  # of the targets
    others: tuple[Chapter, ...]
    gone: int  # rows of the chains that are on the old side only
    entries: tuple[Entry, ...]
    ioctls_gone: tuple[Entry, ...]
    ioctls_new: tuple[Entry, ...]
    ioctls_moved: tuple[Entry, ...]
    svg: str
    svg_missing: str
