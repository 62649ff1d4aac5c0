"""Text for people: numbers with nouns, and output of guests and programs with control characters escaped."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

_UNCHANGED = "\n\t"


def visible(text: str) -> str:
    """`text` with control and formatting characters escaped, as in `\\x1b`; line ends and tabs stay.

    Output of a guest must not control the terminal or the writing direction of a page.
    """
    return "".join(
        char if char in _UNCHANGED or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else _escaped(char)
        for char in text
    )


def number_of(count: int, thing: str, several: str = "") -> str:
    """`1 rule`, `2 rules`: a number and the noun `thing`; `several` is the plural where an s is not enough."""
    return f"{count} {thing if count == 1 else several or f'{thing}s'}"


def expand_user(text: str) -> Path:
    """The path with `~` replaced. `~NAME` of an unknown user stays; `Path.expanduser` raises RuntimeError."""
    return Path(os.path.expanduser(text))  # noqa: PTH111


def opening_parenthesis(text: str) -> int:
    """The position of the parenthesis that the last character of `text` closes; -1 when there is none."""
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[position], 0)
        if not depth:
            return position
    return -1


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
