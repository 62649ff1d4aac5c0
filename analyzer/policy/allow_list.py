"""Reads an allow-list (`--allow FILE`), and decides which changes count. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from analyzer.diff.change import NOTES, Change, ChangeKind, Diff, NotComparable
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.patterns import LinearPattern, linear_pattern
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult
from analyzer.toml import TOMLError, parse_toml

UNCHECKED = "unchecked"  # in an allow file, beside the kinds of changes: what could not be compared
_STALE = "stale"
_ALL, _NONE = "all", "none"
DEFAULT_FAIL_ON = frozenset({str(kind) for kind in ChangeKind if kind not in NOTES})


@dataclass(frozen=True)
class AllowEntry:
    """An entry of an allow-list: the changes that it accepts, and the reason.

    `subject` must match the whole subject of a change. `changes` are values of ChangeKind, or "unchecked" for what
    could not be compared; none stand for all kinds of change. `milestone`, unless "", must be the first milestone
    whose chain contains the change. `expires` is the last day on which the entry counts.
    """

    subject: LinearPattern
    reason: str
    changes: frozenset[str] = frozenset()
    milestone: str = ""
    expires: date | None = None

    def expired(self, today: date) -> bool:
        """Return whether the entry no longer counts on the day `today`."""
        return self.expires is not None and today > self.expires

    def matches(self, change: Change) -> bool:
        """Return whether the entry names this change, by its kind, milestone and subject."""
        has_kind = not self.changes or str(change.kind) in self.changes
        has_milestone = not self.milestone or self.milestone in change.chains[:1]
        return has_kind and has_milestone and self.subject.fullmatch(change.subject)

    def matches_not_comparable(self, not_comparable: NotComparable) -> bool:
        """Return whether the entry names what could not be compared: it must contain the word "unchecked"."""
        return UNCHECKED in self.changes and self.subject.fullmatch(not_comparable.subject)

    def __str__(self) -> str:
        words = [
            *sorted(self.changes),
            self.subject.pattern,
            *([f"in {self.milestone}"] if self.milestone else []),
        ]
        return " ".join(words)


@dataclass(frozen=True)
class MustRule:
    """A rule that must hold, as a sentence of `analyzer.graph.reachability_rules`, and its reason."""

    rule: str
    reason: str


@dataclass(frozen=True)
class AllowList:
    """The contents of an allow-list: entries that accept changes, and rules that must hold."""

    entries: tuple[AllowEntry, ...] = ()
    must_rules: tuple[MustRule, ...] = ()


def parse_fail_on(text: str) -> frozenset[str]:
    """Return the kinds that count, from the words of `--fail-on` between commas.

    The words are values of ChangeKind, "stale", "all" and "none". Raises UsageError for no word and for others.
    """
    words = {word.strip() for word in text.split(",")} - {""}
    if not words:
        raise UsageError("--fail-on names no kind of change.", f"If no change counts, write --fail-on {_NONE}.")
    known = {str(kind) for kind in ChangeKind} | {_STALE}
    if unknown := words - known - {_ALL, _NONE}:
        raise UsageError(
            f"{min(unknown)} is no kind of change.", f"Use {', '.join([*map(str, ChangeKind), _STALE])}."
        )
    return frozenset(known if _ALL in words else words - {_NONE})


def judge(
    diff: Diff, rules: tuple[RuleResult, ...], allow: AllowList, fail_on: frozenset[str], today: date
) -> JudgedDiff:
    """Return the comparison with the decision about each change.

    `rules` are the results of `allow.must_rules`, `fail_on` the kinds that count, and `today` the day on which
    entries may have expired. A change counts when its kind is in `fail_on` and no entry accepts it.
    """
    active = [entry for entry in allow.entries if not entry.expired(today)]
    findings = tuple(_finding(change, active, fail_on) for change in diff.changes)
    not_comparable = [
        *diff.not_comparable,
        *(NotComparable(f"Rule: {r.rule}", r.words) for r in rules if r.outcome is RuleOutcome.UNCHECKED),
    ]
    stale = tuple(words for entry in allow.entries if (words := _stale(entry, diff, not_comparable, today)))
    return JudgedDiff(
        diff=diff,
        findings=findings,
        rules=rules,
        stale=stale,
        not_comparable=tuple(
            part for part in not_comparable if not any(entry.matches_not_comparable(part) for entry in active)
        ),
        stale_counts=_STALE in fail_on,
    )


def _finding(change: Change, active: list[AllowEntry], fail_on: frozenset[str]) -> JudgedChange:
    accepted = next((entry.reason for entry in active if entry.matches(change)), "")
    return JudgedChange(change, str(change.kind) in fail_on and not accepted, accepted)


def _stale(entry: AllowEntry, diff: Diff, not_comparable: list[NotComparable], today: date) -> str:
    """Return a sentence about an entry that has expired or matches nothing; "" for any other entry."""
    matches = any(map(entry.matches, diff.changes)) or any(map(entry.matches_not_comparable, not_comparable))
    if entry.expired(today):
        return f"{entry}: expired on {entry.expires}" + ("" if matches else ", and matches nothing")
    return "" if matches else f"{entry}: matches nothing any more"


_KINDS = frozenset({*map(str, ChangeKind), UNCHECKED})
_Entry = TypeVar("_Entry")


def read_allow_list(text: str, where: str) -> AllowList:
    """Return the allow-list in the TOML `text`.

    Raises AnalyzerError, with the file name `where` and the entry in its message, when the text has another form.
    """
    try:
        data = parse_toml(text)
    except TOMLError as error:
        raise AnalyzerError(f"{error.at(where)} is not TOML: {error}.") from None
    if unknown := data.keys() - {"allow", "must"}:
        raise AnalyzerError(
            f"{where} has the unknown key {min(unknown)}.", "An allow-list consists of [[allow]] and [[must]]."
        )
    return AllowList(
        tuple(_entries(data, "allow", _allow_entry, where)), tuple(_entries(data, "must", _must_rule, where))
    )


def _entries(
    data: dict[str, Any], key: str, parse: Callable[[dict[str, Any]], _Entry], where: str
) -> Iterator[_Entry]:
    entries = data.get(key, [])
    if not isinstance(entries, list):
        raise AnalyzerError(f"{where}: {key} is not a list.", f"Write [[{key}]], with two brackets.")
    for number, entry in enumerate(entries, 1):
        try:
            yield parse(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            text = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise AnalyzerError(f"{where}, [[{key}]] {number} is invalid: {text}.") from None


def _allow_entry(entry: dict[str, Any]) -> AllowEntry:
    _check_keys(entry, {"change", "subject", "milestone", "reason", "expires"})
    changes = frozenset(_kinds(entry["change"])) if "change" in entry else frozenset()
    if unknown := changes - _KINDS:
        raise ValueError(f"{min(unknown)} is no kind of change; the kinds are {', '.join(sorted(_KINDS))}")
    subject = linear_pattern(_text(entry, "subject"))
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
        raise ValueError(f"expires is not a date; write it without quotes, such as 2027-01-31: {expires}")
    return expires


def _must_rule(entry: dict[str, Any]) -> MustRule:
    _check_keys(entry, {"rule", "reason"})
    return MustRule(_text(entry, "rule"), _text(entry, "reason"))


def _check_keys(entry: dict[str, Any], known: set[str]) -> None:
    if unknown := entry.keys() - known:
        raise ValueError(f"{min(unknown)} is an unknown key; the keys are {', '.join(sorted(known))}")


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is empty: write a text")
    return value
