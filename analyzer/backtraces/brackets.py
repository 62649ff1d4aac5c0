"""Scans parentheses and strings by hand, in one pass: text that a program printed may nest as it likes."""

from __future__ import annotations

import re
from collections.abc import Iterator

_STRING = r'"(?:[^"\\]|\\.)*"?'
_CHARACTER = r"'(?:\\[0-7]{1,3}|\\.|[^\\'])'"
_TOKEN = re.compile(rf"{_STRING}|{_CHARACTER}|[()]")
_IN_LIST = re.compile(rf"{_STRING}|{_CHARACTER}|[()\[\]{{}},]")
_BRACES = re.compile(rf"{_STRING}|{_CHARACTER}|[{{}}]")
_NEXT_ARGUMENT = re.compile(r"\s*(?:[\w$@.:~#]{0,200}=(?!=)|\.\.\.$)")
_ARGUMENT = re.compile(r"([\w$@.:~#]{0,200})=(?!=)")


def groups(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Where the outer parentheses of `text` open and end, from `start` on; the end is -1 when one stays open."""
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
    """`a=1, b="x, y"` as (name, value) pairs; None when it is no list of arguments."""
    if text.strip() in ("", "..."):
        return ()
    pairs = []
    for part in _parts(text):
        argument = _ARGUMENT.match(part)
        if argument is None:
            return None
        pairs.append((argument[1], part[argument.end() :]))
    return tuple(pairs)


def balanced(text: str) -> bool:
    """Whether as many parentheses are closed as are opened."""
    return text.count("(") == text.count(")")


def open_braces(text: str) -> int:
    """How many more braces `text` opens than it closes."""
    tokens = [token[0] for token in _BRACES.finditer(text)]
    return tokens.count("{") - tokens.count("}")


def _parts(text: str) -> Iterator[str]:
    """`text` cut at commas that another argument follows: a value may have commas of its own."""
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
