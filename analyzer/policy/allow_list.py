"""Which changes count: what is accepted, what has expired, what must hold. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from analyzer.diff.change import NOTES, Change, ChangeKind, Diff, NotComparable
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.rules import RuleOutcome
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult
from analyzer.toml import TOMLError, parse_toml

UNCHECKED = "unchecked"  # in an allow file, beside the kinds of changes: what could not be compared
_STALE = "stale"
_ALL, _NONE = "all", "none"
DEFAULT_FAIL_ON = frozenset({str(kind) for kind in ChangeKind if kind not in NOTES})


@dataclass(frozen=True)
class AllowEntry:
    """One entry of the allow file. `changes` are words of ChangeKind, or unchecked; none stand for any."""

    subject: re.Pattern[str]
    reason: str
    changes: frozenset[str] = frozenset()
    milestone: str = ""
    expires: date | None = None

    def expired(self, today: date) -> bool:
        """Whether it accepts nothing any more."""
        return self.expires is not None and today > self.expires

    def fits(self, change: Change) -> bool:
        """Whether it is about this change."""
        kind = not self.changes or str(change.kind) in self.changes
        where = not self.milestone or self.milestone in change.chains[:1]
        return kind and where and self.subject.fullmatch(change.subject) is not None

    def matches_not_comparable(self, not_comparable: NotComparable) -> bool:
        """Whether it is about something that could not be compared; that must be said, not just left open."""
        return UNCHECKED in self.changes and self.subject.fullmatch(not_comparable.subject) is not None

    def __str__(self) -> str:
        words = [
            *sorted(self.changes),
            self.subject.pattern,
            *([f"in {self.milestone}"] if self.milestone else []),
        ]
        return " ".join(words)


@dataclass(frozen=True)
class MustRule:
    """A rule that must hold, as a sentence, and why."""

    rule: str
    reason: str


@dataclass(frozen=True)
class AllowList:
    """What is accepted and what must hold."""

    allowances: tuple[AllowEntry, ...] = ()
    musts: tuple[MustRule, ...] = ()


def parse_fail_on(text: str) -> frozenset[str]:
    """The words of `--fail-on`: kinds of change, stale, all, none. UsageError for others."""
    words = {word.strip() for word in text.split(",")} - {""}
    if not words:
        raise UsageError("--fail-on names no kind of change.", f"For none at all: --fail-on {_NONE}")
    known = {str(kind) for kind in ChangeKind} | {_STALE}
    if unknown := words - known - {_ALL, _NONE}:
        raise UsageError(
            f"{min(unknown)} is no kind of change.", f"Use {', '.join([*map(str, ChangeKind), _STALE])}."
        )
    return frozenset(known if _ALL in words else words - {_NONE})


def judge(
    diff: Diff, rules: tuple[RuleResult, ...], allow: AllowList, fail_on: frozenset[str], today: date
) -> JudgedDiff:
    """What the comparison means under these terms; `rules` are the results of `allow.musts`."""
    active = [entry for entry in allow.allowances if not entry.expired(today)]
    findings = tuple(_finding(change, active, fail_on) for change in diff.changes)
    open_ = [
        *diff.not_comparable,
        *(NotComparable(f"Rule: {r.rule}", r.words) for r in rules if r.outcome is RuleOutcome.UNCHECKED),
    ]
    stale = tuple(words for entry in allow.allowances if (words := _stale(entry, diff, open_, today)))
    return JudgedDiff(
        diff=diff,
        findings=findings,
        rules=rules,
        stale=stale,
        not_comparable=tuple(u for u in open_ if not any(entry.matches_not_comparable(u) for entry in active)),
        stale_counts=_STALE in fail_on,
    )


def _finding(change: Change, active: list[AllowEntry], fail_on: frozenset[str]) -> JudgedChange:
    accepted = next((entry.reason for entry in active if entry.fits(change)), "")
    return JudgedChange(change, str(change.kind) in fail_on and not accepted, accepted)


def _stale(entry: AllowEntry, diff: Diff, not_comparable: list[NotComparable], today: date) -> str:
    fits = any(map(entry.fits, diff.changes)) or any(map(entry.matches_not_comparable, not_comparable))
    if entry.expired(today):
        return f"{entry}: expired on {entry.expires}" + ("" if fits else ", and matches nothing")
    return "" if fits else f"{entry}: matches nothing any more"


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
