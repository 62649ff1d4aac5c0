"""Reads JSON of unknown origin: never deeper or longer than a report is, and any type anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

_MAX_ATTEMPTS = 20  # braces that begin no document: a page may have `{noformat}` around the report
_MAX_LENGTH = 1 << 23  # characters; the largest reports have a tenth


def json_documents(lines: Iterable[str]) -> list[Any]:
    """The JSON objects in the text, one behind the other; text between them is left out."""
    text, decoder = _joined(lines), json.JSONDecoder()
    documents, failures, position = [], 0, text.find("{")
    while position >= 0 and failures < _MAX_ATTEMPTS:
        try:
            document, end = decoder.raw_decode(text, position)
            documents.append(document)
        except (ValueError, RecursionError):
            failures, end = failures + 1, position + 1
        position = text.find("{", end)
    return documents


def text_at(value: Any, key: str) -> str:
    """The string `value[key]`; "" when there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def number_at(value: Any, key: str) -> int:
    """The number `value[key]`; 0 when there is none or it is below 0 or above 64 bits."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 1 << 64 else 0


def objects_at(value: Any, key: str) -> list[dict[str, Any]]:
    """The objects in the list `value[key]`; empty when there is no such list."""
    found = value.get(key) if isinstance(value, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _joined(lines: Iterable[str]) -> str:
    parts, length = [], 0
    for line in lines:
        length += len(line)
        if length > _MAX_LENGTH:
            break
        parts.append(line)
    return "".join(parts)
