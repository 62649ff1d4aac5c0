"""Sections of text within a size: as many as fit, the last one cut between rows, the rest counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.text import number_of

_RESERVED = 120  # bytes for the sentence on what was left out


@dataclass(frozen=True)
class Section:
    """A heading, rows, and what ends it. A row says whether it counts when it is left out."""

    head: str
    rows: tuple[tuple[str, bool], ...]
    tail: str = ""


def truncate_sections(head: str, sections: Sequence[Section], limit: int) -> str:
    """`head` and the sections with rows, in no more than `limit` bytes of UTF-8; `head` is expected to fit."""
    room = limit - _size(head) - _RESERVED
    lines, left = [head], 0
    for section in sections:
        if not section.rows:
            continue
        kept = 0 if left else _fitting(section, room)
        left += sum(counts for _, counts in section.rows[kept:])
        if kept:
            rows = [text for text, _ in section.rows[:kept]]
            whole = "\n".join([section.head, *rows, *([section.tail] if section.tail else [])]) + "\n"
            lines.append(whole)
            room -= _size(whole) + 1
    if left:
        lines.append(f"**{number_of(left, 'more change')}; see the report.**\n")
    return "\n".join(lines)


def _fitting(section: Section, room: int) -> int:
    """How many rows of the section fit with its head and its tail."""
    room -= _size(section.head) + _size(section.tail) + 3
    for position, (text, _) in enumerate(section.rows):
        room -= _size(text) + 1
        if room < 0:
            return position
    return len(section.rows)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))
