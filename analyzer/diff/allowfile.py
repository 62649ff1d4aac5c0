"""The allow file: accepted changes, each with its reason, and rules that must hold. Pure: text in, values out.

[[allow]]
change = ["renamed", "moved"]        # kinds, or one; left out: any; `unchecked` is what could not be compared
subject = "x86_cpu_.*"               # a regular expression for the whole of what the change is about
milestone = "init-vcpu"              # the first milestone whose chain shows it; left out: whichever it is
reason = "the CPU code was split, see commit …"
expires = 2027-01-31                 # from the next day on it counts again; left out: never

[[must]]
rule = "main must reach kvm_cpu_exec via x86_cpu_new"
reason = "…"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, TypeVar

from analyzer.diff.accept import UNCHECKED, AllowEntry, AllowList, MustRule
from analyzer.diff.change import ChangeKind
from analyzer.errors import AnalyzerError
from analyzer.toml import TOMLError, parse_toml

_KINDS = frozenset({*map(str, ChangeKind), UNCHECKED})
_Made = TypeVar("_Made")


def read_allow_list(text: str, where: str) -> AllowList:
    """The file in `text`; AnalyzerError, naming `where` and the entry, when it cannot be used."""
    try:
        data = parse_toml(text)
    except TOMLError as error:
        raise AnalyzerError(f"{where} is not TOML: {error}.") from None
    if unknown := data.keys() - {"allow", "must"}:
        raise AnalyzerError(
            f"{where} has {min(unknown)}, which means nothing.", "It wants [[allow]] and [[must]]."
        )
    return AllowList(tuple(_all(data, "allow", _allowance, where)), tuple(_all(data, "must", _must, where)))


def _all(data: dict[str, Any], key: str, make: Callable[[dict[str, Any]], _Made], where: str) -> Iterator[_Made]:
    entries = data.get(key, [])
    if not isinstance(entries, list):
        raise AnalyzerError(f"{where}: {key} is not a list.", f"Write [[{key}]], with two brackets.")
    for number, entry in enumerate(entries, 1):
        try:
            yield make(entry)
        except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
            text = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise AnalyzerError(f"{where}, [[{key}]] {number} cannot be used: {text}.") from None


def _allowance(entry: dict[str, Any]) -> AllowEntry:
    _check_keys(entry, {"change", "subject", "milestone", "reason", "expires"})
    changes = frozenset(_kinds(entry["change"])) if "change" in entry else frozenset()
    if unknown := changes - _KINDS:
        raise ValueError(f"{min(unknown)} is no kind of change; there are {', '.join(sorted(_KINDS))}")
    subject = re.compile(_text(entry, "subject"))
    milestone = _text(entry, "milestone") if "milestone" in entry else ""
    return AllowEntry(subject, _text(entry, "reason"), changes, milestone, _expires(entry))


def _kinds(words: Any) -> list[str]:
    if not words:
        raise ValueError("change is empty: leave it out to accept any kind")
    return [words] if isinstance(words, str) else words


def _expires(entry: dict[str, Any]) -> date | None:
    expires = entry.get("expires")
    if isinstance(expires, datetime):
        return expires.date()
    if expires is not None and not isinstance(expires, date):
        raise ValueError(f"expires is not a date such as 2027-01-31, without quotes: {expires}")
    return expires


def _must(entry: dict[str, Any]) -> MustRule:
    _check_keys(entry, {"rule", "reason"})
    return MustRule(_text(entry, "rule"), _text(entry, "reason"))


def _check_keys(entry: dict[str, Any], known: set[str]) -> None:
    if unknown := entry.keys() - known:
        raise ValueError(f"{min(unknown)} means nothing here; there are {', '.join(sorted(known))}")


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is empty: say it in words")
    return value
