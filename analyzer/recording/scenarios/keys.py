"""The keys of a scenario file, and the types of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_Test = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 32


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


_WORDS: dict[_Test, str] = {
    _is_text: "a text", _is_switch: "true or false", _is_number: "a number from 0 to 2^32 - 1",
    _is_names: "a list of texts", _is_tables: "a list of tables", _is_table: "a table",
}  # fmt: skip
_SCENARIO: dict[str, _Test] = {
    "name": _is_text, "title": _is_text, "milestone": _is_tables, "accelerator": _is_tables,
    "accessors": _is_names, "served": _is_tables,
}  # fmt: skip
_MILESTONE: dict[str, _Test] = {
    "name": _is_text, "title": _is_text, "about": _is_text, "functions": _is_names, "request": _is_text,
    "number": _is_number, "accelerator": _is_text, "required": _is_switch, "per_thread": _is_switch,
    "limit": _is_number, "as_often_as": _is_text, "returns": _is_switch, "target": _is_switch,
    "shows_accelerator": _is_switch,
}  # fmt: skip
_WHILE_RUNNING = "while_running"
_ACCELERATOR: dict[str, _Test] = {"name": _is_text, "expression": _is_text}


def check_scenario(data: Mapping[str, Any]) -> None:
    """Raise ValueError, which names the place, when a key of a scenario is missing, unknown or of another type."""
    _check(data, _SCENARIO, ("name", "milestone", "accelerator"), "the scenario")
    for number, milestone in enumerate(data["milestone"], 1):
        where = f"[[milestone]] {number}"
        _check(milestone, {**_MILESTONE, _WHILE_RUNNING: _is_table}, ("name", "title", "functions"), where)
        _check(milestone.get(_WHILE_RUNNING, {}), _MILESTONE, (), f"{_WHILE_RUNNING} of {where}")
    for number, accelerator in enumerate(data["accelerator"], 1):
        _check(accelerator, _ACCELERATOR, tuple(_ACCELERATOR), f"[[accelerator]] {number}")


def _check(data: Mapping[str, Any], types: Mapping[str, _Test], required: tuple[str, ...], where: str) -> None:
    for key in required:
        if key not in data:
            raise ValueError(f"{where} has no {key}")
    for key, value in data.items():
        if key not in types:
            raise ValueError(f"{where} has the unknown key {key[:40]!r}; the keys are {', '.join(sorted(types))}")
        if not types[key](value):
            raise ValueError(f"{key} of {where} is not {_WORDS[types[key]]}")
