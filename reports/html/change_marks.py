"""Each kind of change as a sign, a label and a state; the state gives the border and the colour."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.diff.change import NOTES, Change, ChangeKind, DiffState
from analyzer.policy.verdict import JudgedChange
from analyzer.text import visible
from reports.diff_marks import mark_sign
from reports.html.diff_page import ChangeMark
from reports.text.sentences import sentence

STATES_AND_LABELS: dict[ChangeKind, tuple[DiffState, str]] = {
    ChangeKind.CHAIN_REMOVED: (DiffState.REMOVED, "not reached"),
    ChangeKind.THREAD: (DiffState.CHANGED, "other thread"),
    ChangeKind.REMOVED: (DiffState.REMOVED, "removed"),
    ChangeKind.INSERTED: (DiffState.ADDED, "inserted"),
    ChangeKind.RENAMED: (DiffState.CHANGED, "renamed"),
    ChangeKind.CALL_KIND: (DiffState.CHANGED, "call kind"),
    ChangeKind.POINTER: (DiffState.CHANGED, "pointer"),
    ChangeKind.IOCTL_REMOVED: (DiffState.REMOVED, "ioctl removed"),
    ChangeKind.IOCTL_ADDED: (DiffState.ADDED, "ioctl added"),
    ChangeKind.IOCTL_REORDERED: (DiffState.CHANGED, "ioctl reordered"),
    ChangeKind.CHAIN_ADDED: (DiffState.ADDED, "reached"),
    ChangeKind.MOVED: (DiffState.CHANGED, "moved"),
    ChangeKind.FUNCTION_REMOVED: (DiffState.REMOVED, "function removed"),
    ChangeKind.FUNCTION_ADDED: (DiffState.ADDED, "function added"),
    ChangeKind.CALL_REMOVED: (DiffState.REMOVED, "call removed"),
    ChangeKind.CALL_ADDED: (DiffState.ADDED, "call added"),
    ChangeKind.KIND_UNKNOWN: (DiffState.NOTE, "kind unknown"),
    ChangeKind.HITS: (DiffState.NOTE, "hits"),
    ChangeKind.MACHINE_VERSION: (DiffState.NOTE, "machine version"),
    ChangeKind.OPTIMISED: (DiffState.NOTE, "optimised"),
}
"""The state and the label of each kind; its sign is that of `reports.diff_marks`."""


class ChangeMarks:
    """Looks up the marks of all changes by change."""

    def __init__(self, findings: Iterable[JudgedChange]) -> None:
        self._marks = {f.change.key: _mark(f, f"change-{number}") for number, f in enumerate(findings, 1)}

    def of(self, change: Change) -> ChangeMark:
        """Return the mark of `change`; without an anchor when the verdict does not contain the change."""
        known = self._marks.get(change.key)
        return known or _mark(JudgedChange(change, change.kind not in NOTES), "")


def _mark(finding: JudgedChange, anchor: str) -> ChangeMark:
    change = finding.change
    state, label = STATES_AND_LABELS[change.kind]
    return ChangeMark(
        anchor=anchor,
        kind=change.kind.value,
        state=state,
        sign=mark_sign(change.kind),
        label=label,
        sentence=visible(sentence(change)),
        counts=finding.counts,
        accepted=visible(finding.accepted),
    )
