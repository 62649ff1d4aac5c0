"""What the comparison page shows, as data. The template only prints it."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.diff.change import DiffState


@dataclass(frozen=True)
class ChangeMark:
    """A change as a sign, a label and a state, so that the page does not depend on colours."""

    anchor: str  # of its row in the table of all changes
    kind: str
    state: DiffState
    sign: str
    label: str
    sentence: str
    counts: bool
    accepted: str  # the reason of the allow-list, "" when not accepted


@dataclass(frozen=True)
class TextPart:
    """A piece of text; `changed` when the other side has another text."""

    text: str
    changed: bool = False


@dataclass(frozen=True)
class StepCell:
    """A function in the chain of one side; `kind`, `arrow` and `call_sentence` say how its caller calls it."""

    function: TextPart
    place: TextPart
    kind: str
    arrow: str
    call_sentence: TextPart
    pointer_slot: TextPart | None  # that it is called through
    pointer_origins: tuple[TextPart, ...]  # how the pointer was set, when that changed


@dataclass(frozen=True)
class StepRow:
    """A row of two aligned chains; `identity` is that of its function in the merged graph."""

    anchor: str
    state: DiffState  # of its worst change
    kinds: str  # of all its changes, separated by spaces
    marks: tuple[ChangeMark, ...]
    identity: str
    old: StepCell | None
    new: StepCell | None
    remarks: tuple[str, ...]
    diverges: bool  # the first row with a change: the chains diverge here


@dataclass(frozen=True)
class RowBlock:
    """Rows in succession, hidden behind a button with `button_label`, or shown when that is ""."""

    anchor: str
    button_label: str
    function_range: str  # the first and the last function of hidden rows
    rows: tuple[StepRow, ...]


@dataclass(frozen=True)
class ChainSection:
    """The two aligned chains to a milestone."""

    anchor: str
    title: str
    milestone: str
    threads: TextPart
    state: DiffState | None  # removed or added when one side lacks the chain, else None
    marks: tuple[ChangeMark, ...]  # of the chain as a whole
    divergence: str  # where the chains diverge, as a sentence; "" when they do not
    divergence_anchor: str  # the row where the chains diverge, "" without one
    divergence_shared: bool  # that row is shared with an earlier chain
    missing_side: str  # that one side lacks the chain, as a sentence; "" when both have it
    summary: str
    blocks: tuple[RowBlock, ...]


@dataclass(frozen=True)
class PageLink:
    """A link to an anchor of this page."""

    anchor: str
    text: str


@dataclass(frozen=True)
class ChangeEntry:
    """A row of the table of all changes."""

    mark: ChangeMark
    subject: str  # what changed, as allow-lists name it; of a reordered ioctl the whole sentence
    chains: tuple[PageLink, ...]  # its rows in the chains
    place: str  # in the source, file:line or file


@dataclass(frozen=True)
class ChangeCount:
    """The number of changes of one kind, as a text."""

    kind: str
    state: DiffState
    sign: str
    text: str


@dataclass(frozen=True)
class ProvenanceFact:
    """A fact on the recordings or builds of both sides, such as the QEMU version."""

    name: str
    old: str
    new: str

    @property
    def differs(self) -> bool:
        """Whether the values of both sides differ."""
        return self.old != self.new


@dataclass(frozen=True)
class RuleRow:
    """A rule of the allow-list, its outcome, and the path that explains the outcome."""

    outcome: str
    sign: str
    rule: str
    reason: str
    explanation: str
    path: str


@dataclass(frozen=True)
class DiffPage:
    """All data of the comparison page."""

    title: str
    status: str  # same, differs, not-comparable
    status_sign: str
    status_label: str
    summary: str
    old: str
    new: str
    facts: tuple[ProvenanceFact, ...]
    build_facts: tuple[ProvenanceFact, ...]
    not_comparable: tuple[tuple[str, str], ...]  # subject, reason
    rules: tuple[RuleRow, ...]
    stale_entries: tuple[str, ...]  # of the allow-list
    change_counts: tuple[ChangeCount, ...]
    chains: tuple[ChainSection, ...]  # to target milestones
    other_chains: tuple[ChainSection, ...]
    removed_rows: int  # of the chains
    changes: tuple[ChangeEntry, ...]
    ioctls_removed: tuple[ChangeEntry, ...]
    ioctls_added: tuple[ChangeEntry, ...]
    ioctls_reordered: tuple[ChangeEntry, ...]
    svg: str
    svg_missing: str  # why there is no drawing
