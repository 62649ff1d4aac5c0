"""Reads JSON of unknown origin: only what JSON has, of bounded depth and numbers, in valid Unicode."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_MAX_DEPTH = 60
_MAX_DIGITS = 20  # of a whole number: 2^64 has as many
_SURROGATES = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD]")


def parse_json(text: str) -> Any:
    """Return the data in the JSON `text`; a lone surrogate in a text becomes U+FFFD.

    ValueError, with a reason, when the text is not JSON, has NaN or Infinity, a number beyond 64 bits or the range
    of a float, or is nested more than 60 deep.
    """
    try:
        data = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_depth(data)
    return _valid(data) if _may_have_surrogates(text) else data


def without_surrogates(text: str) -> str:
    """Return `text` with U+FFFD for each lone surrogate, which no output can encode."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is out of range")
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _check_depth(data: Any) -> None:
    """Raise ValueError when `data` is nested too deeply. It looks at lists and objects only, depth by depth."""
    level: list[Any] = [[data]]
    for _ in range(_MAX_DEPTH + 1):
        level = [
            value
            for outer in level
            for value in (outer.values() if type(outer) is dict else outer)
            if type(value) is list or type(value) is dict
        ]
    if level:
        raise ValueError("it is nested too deeply")


def _may_have_surrogates(text: str) -> bool:
    """Return whether the JSON `text` may have a lone surrogate, as it is or as an escape."""
    return bool(_SURROGATE_ESCAPE.search(text)) or not (text.isascii() or _SURROGATES.search(text) is None)


def _valid(value: Any) -> Any:
    """Return a copy of `value` without lone surrogates."""
    if isinstance(value, str):
        return without_surrogates(value)
    if not isinstance(value, (list, dict)):
        return value
    if isinstance(value, list):
        return [_valid(item) for item in value]
    return {without_surrogates(key): _valid(item) for key, item in value.items()}
