"""Text for people: numbers of things, and what a guest or a program says, made fit for a terminal or a page.

And one scan that several readers of text share.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

_KEPT = "\n\t"


def visible(text: str) -> str:
    """`text` with control and formatting characters spelled out: a guest must not drive the reader's terminal,
    nor turn the direction of a page."""
    return "".join(
        char if char in _KEPT or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else _spelled(char)
        for char in text
    )


def number_of(count: int, thing: str, several: str = "") -> str:
    """`1 rule`, `2 rules`; `several` is said of more than one where an s does not make it."""
    return f"{count} {thing if count == 1 else several or f'{thing}s'}"


def expand_user(text: str) -> Path:
    """The path with `~` replaced; unlike `Path.expanduser` this leaves the home of a stranger as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111


def last_parenthesis(text: str) -> int:
    """Where the parenthesis that `text` ends with was opened; -1 when it was not."""
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[position], 0)
        if not depth:
            return position
    return -1


def _spelled(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
