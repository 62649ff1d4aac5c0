"""Each kind of change by a sign, a word and a family; the family gives border and shade."""

from __future__ import annotations

from collections.abc import Iterable

from analyzer.diff.change import NOTES, Change, ChangeKind
from analyzer.policy.verdict import JudgedChange
from analyzer.text import visible
from reports.diff_marks import mark_sign
from reports.html.diff_page import ChangeMark
from reports.text.sentences import sentence

FAMILIES: dict[ChangeKind, tuple[str, str]] = {
    ChangeKind.CHAIN_REMOVED: ("gone", "not reached"),
    ChangeKind.THREAD: ("changed", "other thread"),
    ChangeKind.REMOVED: ("gone", "removed"),
    ChangeKind.INSERTED: ("new", "inserted"),
    ChangeKind.RENAMED: ("changed", "renamed"),
    ChangeKind.CALL_KIND: ("changed", "call kind"),
    ChangeKind.POINTER: ("changed", "pointer"),
    ChangeKind.IOCTL_REMOVED: ("gone", "ioctl removed"),
    ChangeKind.IOCTL_ADDED: ("new", "ioctl added"),
    ChangeKind.IOCTL_REORDERED: ("changed", "ioctl reordered"),
    ChangeKind.CHAIN_ADDED: ("new", "reached"),
    ChangeKind.MOVED: ("changed", "moved"),
    ChangeKind.FUNCTION_REMOVED: ("gone", "function gone"),
    ChangeKind.FUNCTION_ADDED: ("new", "function new"),
    ChangeKind.CALL_REMOVED: ("gone", "call gone"),
    ChangeKind.CALL_ADDED: ("new", "call new"),
    ChangeKind.KIND_UNKNOWN: ("note", "kind unknown"),
    ChangeKind.HITS: ("note", "hits"),
    ChangeKind.MACHINE_VERSION: ("note", "numbered"),
    ChangeKind.OPTIMISED: ("note", "optimised"),
}
"""The family and the word of each kind; its sign is that of `reports.diff_marks`."""


class ChangeMarks:
    """The marks of all changes, by change."""

    def __init__(self, findings: Iterable[JudgedChange]) -> None:
        self._marks = {f.change.key: _mark(f, f"change-{number}") for number, f in enumerate(findings, 1)}

    def of(self, change: Change) -> ChangeMark:
        """The mark of `change`; without an anchor when the verdict has no such change."""
        known = self._marks.get(change.key)
        return known or _mark(JudgedChange(change, change.kind not in NOTES), "")


def _mark(finding: JudgedChange, anchor: str) -> ChangeMark:
    change = finding.change
    family, word = FAMILIES[change.kind]
    return ChangeMark(
        anchor=anchor,
        kind=change.kind.value,
        family=family,
        sign=mark_sign(change.kind),
        word=word,
        sentence=visible(sentence(change)),
        counts=finding.counts,
        accepted=visible(finding.accepted),
    )
