"""What the page of a comparison shows, as data. The template only prints it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChangeMark:
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
class TextPart:
    """A piece of text; `changed` when it is what differs from the other side."""

    text: str
    changed: bool = False


@dataclass(frozen=True)
class StepCell:
    """A function as one side has it. `kind` says how the one before came to it."""

    function: TextPart
    place: TextPart
    kind: str
    arrow: str
    how: TextPart
    through: TextPart | None  # the pointer it was called through
    settings: tuple[TextPart, ...]  # how that was set, when this is what changed


@dataclass(frozen=True)
class StepRow:
    """A row of two aligned chains. `identity` is the function's in the merged graph."""

    anchor: str
    family: str  # of its worst change; "same" without one
    kinds: str  # of all its changes, by spaces
    marks: tuple[ChangeMark, ...]
    identity: str
    old: StepCell | None
    new: StepCell | None
    remarks: tuple[str, ...]
    first: bool  # the chains part here


@dataclass(frozen=True)
class RowBlock:
    """Rows that stand together: behind a button with `label`, or open when that is ""."""

    anchor: str
    label: str
    names: str  # a taste of what is behind the button
    pairs: tuple[StepRow, ...]


@dataclass(frozen=True)
class ChainSection:
    """The two chains to a milestone. `missing` tells of a side that lacks it."""

    anchor: str
    title: str
    milestone: str
    threads: TextPart
    family: str  # gone or new when one side lacks it, else "both"
    marks: tuple[ChangeMark, ...]  # of the chain as a whole
    lead: str
    lead_anchor: str  # the row where the chains part, "" without one
    lead_known: bool  # that row stood in a chain before
    missing: str
    summary: str
    blocks: tuple[RowBlock, ...]


@dataclass(frozen=True)
class PageLink:
    """A place on this page."""

    anchor: str
    text: str


@dataclass(frozen=True)
class ChangeEntry:
    """A line of the table of all changes."""

    mark: ChangeMark
    words: str  # what it is about, and for an order the order
    places: tuple[PageLink, ...]  # the chapters that show it
    place: str


@dataclass(frozen=True)
class ChangeCount:
    """How many changes of a kind there are."""

    kind: str
    family: str
    sign: str
    text: str


@dataclass(frozen=True)
class ProvenanceFact:
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
    facts: tuple[ProvenanceFact, ...]
    build: tuple[ProvenanceFact, ...]
    not_comparable: tuple[tuple[str, str], ...]  # what, and why
    rules: tuple[RuleRow, ...]
    stale: tuple[str, ...]
    chips: tuple[ChangeCount, ...]
    chapters: tuple[ChainSection, ...]  # of the targets
    others: tuple[ChainSection, ...]
    gone: int  # rows of the chains that are on the old side only
    entries: tuple[ChangeEntry, ...]
    ioctls_gone: tuple[ChangeEntry, ...]
    ioctls_new: tuple[ChangeEntry, ...]
    ioctls_moved: tuple[ChangeEntry, ...]
    svg: str
    svg_missing: str
