"""Text for people: numbers with nouns; `visible` escapes control characters in output of guests and programs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from gdbscripts.visible import visible

__all__ = ["expand_user", "number_of", "opening_parenthesis", "some_of", "visible", "xml_text"]
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """`text` with characters that XML 1.0 does not allow escaped, as in `\\x1b`; all others stay."""
    return _NOT_IN_XML.sub(lambda match: visible(match[0]), text)


def number_of(count: int, thing: str, several: str = "") -> str:
    """`1 rule`, `2 rules`: a number and the noun `thing`; `several` is the plural where an s is not enough."""
    return f"{count} {thing if count == 1 else several or f'{thing}s'}"


def some_of(names: Iterable[str], count: int) -> str:
    """The first `count` of `names`, and how many more there are: `a, b and 7 more`."""
    every = list(names)
    more = f" and {len(every) - count} more" if len(every) > count else ""
    return ", ".join(every[:count]) + more


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
