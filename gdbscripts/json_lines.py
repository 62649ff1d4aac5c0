"""Converts records to lines and back: one JSON object per line, shared by both sides."""

from __future__ import annotations

import json
import math
import re
from dataclasses import MISSING, fields
from typing import Any, Dict, Optional, Type, get_args

from gdbscripts import enums
from gdbscripts.records import Record

_MIN, _MAX = -(2**64), 2**64  # whole numbers: addresses, and offsets between them
_MAX_DEPTH = 60  # of the provenance of a build
_SURROGATES = re.compile("[\ud800-\udfff]")
_TYPES: Dict[str, Type[Any]] = {kind.TAG: kind for kind in get_args(Record)}
_REQUIRED = {
    kind: {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    for kind in _TYPES.values()
}
_DEFAULTS: Dict[Type[Any], Dict[str, Any]] = {
    kind: {
        f.name: f.default if f.default_factory is MISSING else f.default_factory()
        for f in fields(kind)
        if f.name not in _REQUIRED[kind]
    }
    for kind in _TYPES.values()
}
_JSON_TYPES: Dict[str, Any] = {
    "str": str,
    "bool": bool,
    "float": (int, float),
    "Optional[int]": (int, type(None)),
    "Optional[str]": (str, type(None)),
    "Dict[str, Any]": dict,
}
_ENUMS: Dict[str, Type[enums.TextEnum]] = {
    name: kind for name, kind in vars(enums).items() if isinstance(kind, type) and issubclass(kind, enums.TextEnum)
}
_ENUM_FIELDS = {
    kind: {f.name: _ENUMS[str(f.type)] for f in fields(kind) if str(f.type) in _ENUMS} for kind in _TYPES.values()
}


class LineError(ValueError):
    """A line that is not a record of this schema; the message says why."""


def to_line(record: Record) -> str:
    """Return `record` as one ASCII line of JSON that ends in a newline, without fields that have their default
    value."""
    defaults = _DEFAULTS[type(record)]
    data = {name: value for name, value in vars(record).items() if name not in defaults or value != defaults[name]}
    return json.dumps({"record": record.TAG, **data}, ensure_ascii=True) + "\n"


def from_line(line: str) -> Record:
    """Return the record in `line`. Raises LineError when the line is not a record of this schema."""
    try:
        data = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise LineError("not JSON: %s" % error) from None
    if not line.isascii() or "\\ud" in line or "\\uD" in line:
        data = _without_surrogates(data)
    if not isinstance(data, dict) or str(data.get("record")) not in _TYPES:
        raise LineError("not a record of this format")
    kind = _TYPES[str(data.pop("record"))]
    _check_fields(data, kind)
    record: Record = kind(**_with_members(data, kind))
    return record


def schema_of(line: str) -> Optional[int]:
    """Return the schema number in the first line of a recording of any schema; None when it has none."""
    try:
        schema = json.loads(line).get("schema")
    except (ValueError, AttributeError, RecursionError):
        return None
    return schema if isinstance(schema, int) else None


def _check_fields(data: Dict[str, Any], kind: Type[Any]) -> None:
    """Raise LineError unless `data` has exactly the fields of record type `kind`, each with the right JSON
    type."""
    if not _REQUIRED[kind] <= data.keys():
        missing = ", ".join(sorted(_REQUIRED[kind] - data.keys()))
        raise LineError("a %s record lacks %s" % (kind.TAG, missing))
    known = {f.name: f for f in fields(kind)}
    for name, value in data.items():
        if name not in known:
            raise LineError("a %s record has no field %s" % (kind.TAG, name))
        if not _has_type(value, str(known[name].type)):
            raise LineError("field %s of a %s record has the wrong type" % (name, kind.TAG))


def _with_members(data: Dict[str, Any], kind: Type[Any]) -> Dict[str, Any]:
    """The fields with members of enums for their texts; LineError for a text that is none of them."""
    for name, enum in _ENUM_FIELDS[kind].items():
        if name not in data:
            continue
        try:
            data[name] = enum(data[name])
        except ValueError as error:
            raise LineError("field %s of a %s record: %s" % (name, kind.TAG, error)) from None
    return data


def _has_type(value: Any, annotation: str) -> bool:
    """Return whether a JSON value has the type that an annotation of `records.py` names."""
    if annotation == "Arguments":
        return isinstance(value, list) and all(_is_text_pair(pair) for pair in value)
    if annotation.startswith("List["):
        return isinstance(value, list) and all(_has_type(item, annotation[5:-1]) for item in value)
    if annotation == "int":
        return isinstance(value, int) and not isinstance(value, bool) and _MIN <= value <= _MAX
    if annotation in ("float", "Dict[str, Any]", "Optional[int]"):
        return isinstance(value, _JSON_TYPES[annotation]) and _is_bounded(value, _MAX_DEPTH)
    return isinstance(value, str if annotation in _ENUMS else _JSON_TYPES[annotation])


def _is_bounded(value: Any, depth: int) -> bool:
    """Return whether the numbers in `value` are finite and of 64 bits, and it is nested at most `depth` deep."""
    if isinstance(value, (int, float)):
        return _MIN <= value <= _MAX if isinstance(value, int) else math.isfinite(value)
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or (depth > 0 and all(_is_bounded(item, depth - 1) for item in value))


def _without_surrogates(value: Any) -> Any:
    """Return `value` with U+FFFD for each lone surrogate, which no output can encode, in its texts."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _refuse_constant(constant: str) -> Any:
    raise ValueError("%s is no number of JSON" % constant)


def _is_text_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value)
