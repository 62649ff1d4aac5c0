"""The marks of changes: one table for text, Markdown, pages and drawings. No arrow of a call contains a mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from analyzer.diff.change import ChangeKind


class DiffMark(Enum):
    """The mark of a change: its sign, its sign in ASCII, and its meaning."""

    ADDED = ("+", "+", "added")
    REMOVED = ("-", "-", "removed")
    CHANGED = ("~", "~", "renamed or changed")
    MOVED = ("»", "@", "moved to another file")
    NOT_COMPARABLE = ("!", "!", "not comparable")

    def __init__(self, sign: str, ascii_sign: str, label: str) -> None:
        self.sign = sign
        self.ascii_sign = ascii_sign
        self.label = label


MARK_OF: Mapping[ChangeKind, DiffMark] = {
    ChangeKind.CHAIN_REMOVED: DiffMark.REMOVED,
    ChangeKind.THREAD: DiffMark.CHANGED,
    ChangeKind.REMOVED: DiffMark.REMOVED,
    ChangeKind.INSERTED: DiffMark.ADDED,
    ChangeKind.RENAMED: DiffMark.CHANGED,
    ChangeKind.CALL_KIND: DiffMark.CHANGED,
    ChangeKind.POINTER: DiffMark.CHANGED,
    ChangeKind.IOCTL_REMOVED: DiffMark.REMOVED,
    ChangeKind.IOCTL_ADDED: DiffMark.ADDED,
    ChangeKind.IOCTL_REORDERED: DiffMark.CHANGED,
    ChangeKind.CHAIN_ADDED: DiffMark.ADDED,
    ChangeKind.MOVED: DiffMark.MOVED,
    ChangeKind.FUNCTION_REMOVED: DiffMark.REMOVED,
    ChangeKind.FUNCTION_ADDED: DiffMark.ADDED,
    ChangeKind.CALL_REMOVED: DiffMark.REMOVED,
    ChangeKind.CALL_ADDED: DiffMark.ADDED,
    ChangeKind.KIND_UNKNOWN: DiffMark.NOT_COMPARABLE,
}
"""The mark of each kind of change, the worst kind first, as in `ChangeKind`. Notes do not count and have no mark,
except for what is not comparable."""


def mark_sign(kind: ChangeKind) -> str:
    """Return the sign of a kind of change; "" for a note without a mark."""
    mark = MARK_OF.get(kind)
    return mark.sign if mark else ""


def mark_key(marks: Iterable[DiffMark | None]) -> str:
    """Return the signs and meanings of `marks` in the order of the table: `+ added; - removed`."""
    shown = set(marks)
    return "; ".join(f"{mark.sign} {mark.label}" for mark in DiffMark if mark in shown)
