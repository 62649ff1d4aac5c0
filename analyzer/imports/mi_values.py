"""The values of gdb's machine interface, from text that nobody vouches for.

pygdbmi, which reads what gdb itself sends us, does not end on a line that was cut off.
"""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<name>[\w-]{1,64})=|(?P<mark>[\[\]{},]))')
_ESCAPE = re.compile(r"\\([0-7]{3}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b"}
_DEEPEST = 32


def parse_results(text: str) -> dict[str, Any] | None:
    """`a="1",b=[frame={…},…]` as a dictionary, names within a list left out; None when it is no such text."""
    top: dict[str, Any] = {}
    nest: list[Any] = [top]
    name, position = "", 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or len(nest) > _DEEPEST:
            return None
        position = token.end()
        if token["name"] is not None:
            name = token["name"]
        elif token["string"] is not None:
            _put(nest[-1], name, decoded(token["string"]))
        elif token["mark"] in "[{":
            inner: Any = [] if token["mark"] == "[" else {}
            _put(nest[-1], name, inner)
            nest.append(inner)
        elif token["mark"] in "]}" and not _close(nest, token["mark"]):
            return None
    return top if len(nest) == 1 else None


def decoded(string: str) -> str:
    """What a c-string says."""
    raw = _ESCAPE.sub(_character, string[1:-1])
    try:  # octal escapes are the bytes of UTF-8
        return raw.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return raw


def _character(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 8) & 0xFF) if len(code) == 3 else _PLAIN.get(code, code)


def _put(inside: Any, name: str, value: Any) -> None:
    if isinstance(inside, list):
        inside.append(value)
    else:
        inside[name] = value


def _close(nest: list[Any], mark: str) -> bool:
    """Whether the innermost value may end here; it is taken off."""
    wanted = list if mark == "]" else dict
    return len(nest) > 1 and isinstance(nest.pop(), wanted)
