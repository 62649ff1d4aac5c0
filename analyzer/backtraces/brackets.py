"""Matches parentheses, braces and strings in one pass: printed values nest deeper than a pattern can follow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gdbscripts.records import UNKNOWN_ARGUMENTS

_STRING = r'"(?:[^"\\]|\\.)*"?'
_CHARACTER = r"'(?:\\[0-7]{1,3}|\\.|[^\\'])'"
_TOKEN = re.compile(rf"{_STRING}|{_CHARACTER}|[()]")
_IN_LIST = re.compile(rf"{_STRING}|{_CHARACTER}|[()\[\]{{}},]")
_BRACES = re.compile(rf"{_STRING}|{_CHARACTER}|[{{}}]")
_NEXT_ARGUMENT = re.compile(r"\s*(?:[\w$@.:~#]{0,200}=(?!=)|\.\.\.$)")
_ARGUMENT = re.compile(r"([\w$@.:~#]{0,200})=(?!=)")


def parenthesis_groups(text: str, start: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each outermost pair of parentheses from `start` on; end is -1 for one that stays open."""
    depth, opened = 0, 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == "(":
            if not depth:
                opened = token.start()
            depth += 1
        elif token[0] == ")" and depth:
            depth -= 1
            if not depth:
                yield opened, token.end()
    if depth:
        yield opened, -1


def split_arguments(text: str) -> tuple[tuple[str, str], ...] | None:
    """The (name, value) pairs of `a=1, b="x, y"`; None when `text` is not a list of arguments."""
    if text.strip() in ("", "..."):
        return ()
    if text.strip() == UNKNOWN_ARGUMENTS[0]:  # as `analyze show` prints
        return (UNKNOWN_ARGUMENTS,)
    pairs = []
    for part in _parts(text):
        argument = _ARGUMENT.match(part)
        if argument is None:
            return None
        pairs.append((argument[1], part[argument.end() :]))
    return tuple(pairs)


def balanced(text: str) -> bool:
    """Whether `text` closes as many parentheses as it opens."""
    return text.count("(") == text.count(")")


def open_braces(text: str) -> int:
    """The number of braces that `text` opens and does not close; negative when it closes more."""
    tokens = [token[0] for token in _BRACES.finditer(text)]
    return tokens.count("{") - tokens.count("}")


def _parts(text: str) -> Iterator[str]:
    """Split `text` at the commas before another argument `name=`; other commas are part of a value."""
    depth, start = 0, 0
    for token in _IN_LIST.finditer(text):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth = max(0, depth - 1)
        elif token[0] == "," and not depth and _NEXT_ARGUMENT.match(text, token.end()):
            yield text[start : token.start()].strip()
            start = token.end()
    if (last := text[start:].strip()) != "...":
        yield last
