"""Text for people: numbers of things, and what a guest or a program says, made fit for a terminal or a page."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

_UNCHANGED = "\n\t"


def visible(text: str) -> str:
    """`text` with control and formatting characters spelled out: a guest must not drive the reader's terminal,
    nor turn the direction of a page."""
    return "".join(
        char if char in _UNCHANGED or unicodedata.category(char) not in ("Cc", "Cf", "Cs") else _escaped(char)
        for char in text
    )


def number_of(count: int, thing: str, several: str = "") -> str:
    """`1 rule`, `2 rules`; `several` is said of more than one where an s does not make it."""
    return f"{count} {thing if count == 1 else several or f'{thing}s'}"


def expand_user(text: str) -> Path:
    """The path with `~` replaced; unlike `Path.expanduser` this leaves the home of a stranger as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
