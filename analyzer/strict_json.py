"""Reads JSON of unknown origin: only what JSON has, of bounded depth and numbers, in valid Unicode."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_MAX_DEPTH = 60
_MAX_DIGITS = 20  # of a whole number: 2^64 has as many
_SURROGATES = re.compile("[\ud800-\udfff]")


def parse_json(text: str) -> Any:
    """Return the data in the JSON `text`; a lone surrogate in a text becomes U+FFFD.

    ValueError, with a reason, when the text is not JSON, has NaN or Infinity, a number beyond 64 bits or the range
    of a float, or is nested more than 60 deep.
    """
    try:
        data = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return _valid(data, _MAX_DEPTH)


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


def _valid(value: Any, depth: int) -> Any:
    """Return `value` without lone surrogates. ValueError when it is nested more than `depth` deep."""
    if isinstance(value, str):
        return without_surrogates(value)
    if not isinstance(value, (list, dict)):
        return value
    if not depth:
        raise ValueError("it is nested too deeply")
    if isinstance(value, list):
        return [_valid(item, depth - 1) for item in value]
    return {without_surrogates(key): _valid(item, depth - 1) for key, item in value.items()}
