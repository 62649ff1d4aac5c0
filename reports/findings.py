"""Collects what lists of findings show: changes, broken rules, parts that are not comparable, stale entries."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from analyzer.diff.change import ChainDiff, Change, ChangeKind
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult
from gdbscripts.enums import TextEnum
from reports.sanitize import sanitized
from reports.text.sentences import sentence

IOCTL_KINDS = frozenset({ChangeKind.IOCTL_ADDED, ChangeKind.IOCTL_REMOVED, ChangeKind.IOCTL_REORDERED})

_Value = TypeVar("_Value")


class Level(TextEnum):
    """The severity of a finding, worst first; the values are the commands of GitHub's annotations."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class FindingKind(TextEnum):
    """The kinds of findings that are not changes of the call graph."""

    RULE_BROKEN = "rule-broken"
    NOT_COMPARABLE = "not-checked"
    STALE_ENTRY = "stale-entry"


@dataclass(frozen=True)
class Finding:
    """An entry of a list of findings: its texts are sanitized, `change` is not."""

    level: Level
    check: ChangeKind | FindingKind
    subject: str
    text: str  # a sanitized sentence
    fingerprint: str  # hexadecimal SHA-256; equal for the same finding of another run, at whatever line
    file: str = ""
    line: int = 0
    accepted: str = ""  # the reason of the allow-list, "" when the finding is not accepted
    path: tuple[str, ...] = ()
    change: Change | None = None  # with its names unchanged, not sanitized


def findings(verdict: JudgedDiff) -> list[Finding]:
    """Return all findings of a judged comparison, worst level first; their fingerprints are unique."""
    changes = [_change_finding(raw, shown) for raw, shown in _with_sanitized(verdict.findings)]
    broken = [
        Finding(
            Level.ERROR,
            FindingKind.RULE_BROKEN,
            rule.rule,
            _rule_text(rule),
            _fingerprint(FindingKind.RULE_BROKEN, raw.rule),
            path=rule.path,
        )
        for raw, rule in _with_sanitized(verdict.broken)
    ]
    not_comparable = [
        Finding(
            Level.ERROR,
            FindingKind.NOT_COMPARABLE,
            part.subject,
            f"{part.subject}: {part.reason}",
            _fingerprint(FindingKind.NOT_COMPARABLE, raw.subject),
        )
        for raw, part in _with_sanitized(verdict.not_comparable)
    ]
    stale = [
        Finding(
            Level.ERROR if verdict.stale_counts else Level.WARNING,
            FindingKind.STALE_ENTRY,
            "allow-list",
            text or FindingKind.STALE_ENTRY.value,
            _fingerprint(FindingKind.STALE_ENTRY, raw),
        )
        for raw, text in _with_sanitized(verdict.stale)
    ]
    worst_first = list(Level)
    return _unique(
        sorted([*broken, *changes, *not_comparable, *stale], key=lambda finding: worst_first.index(finding.level))
    )


def by_key(verdict: JudgedDiff) -> dict[tuple[str, ...], JudgedChange]:
    """Return the judged changes by `Change.key`, to look up the change of a row or a chain."""
    return {finding.change.key: finding for finding in verdict.findings}


def findings_of(chain: ChainDiff, judged: dict[tuple[str, ...], JudgedChange]) -> list[JudgedChange]:
    """Return the judged changes of a chain from the result of `by_key`; a change without an entry counts."""
    return [judged.get(change.key, JudgedChange(change, True)) for change in chain.changes]


def off_chain_changes(verdict: JudgedDiff) -> list[JudgedChange]:
    """Return the changes that are on no chain, without the ioctls."""
    return [
        entry for entry in verdict.findings if not entry.change.chains and entry.change.kind not in IOCTL_KINDS
    ]


def ioctl_changes(verdict: JudgedDiff) -> list[JudgedChange]:
    """Return the changes of the ioctls that QEMU issues."""
    return [entry for entry in verdict.findings if entry.change.kind in IOCTL_KINDS]


def _with_sanitized(values: Iterable[_Value]) -> Iterator[tuple[_Value, _Value]]:
    """Return an iterator over pairs of each value and its sanitized copy."""
    return ((value, sanitized(value)) for value in values)


def _change_finding(raw: JudgedChange, judged: JudgedChange) -> Finding:
    change = judged.change
    text = sentence(change)
    return Finding(
        level=Level.ERROR if judged.counts else Level.NOTICE,
        check=change.kind,
        subject=change.subject,
        text=f"{text}: accepted, {judged.accepted}" if judged.accepted else text,
        fingerprint=_change_fingerprint(raw.change),
        file=change.file,
        line=change.line,
        accepted=judged.accepted,
        change=raw.change,
    )


def _rule_text(rule: RuleResult) -> str:
    reason = f" (reason of the rule: {rule.reason})" if rule.reason else ""
    return f"{rule.rule}: {rule.words}{reason}"


def _change_fingerprint(change: Change) -> str:
    """Return a fingerprint of the change without its line and its `after`, which other changes move."""
    return _fingerprint(change.kind, change.subject, change.old, change.new, *change.chains)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()


def _unique(found: list[Finding]) -> list[Finding]:
    """Return the findings with unique fingerprints: platforms drop the second finding with one fingerprint."""
    used: Counter[str] = Counter()
    result = []
    for finding in found:
        used[finding.fingerprint] += 1
        number = used[finding.fingerprint]
        fingerprint = finding.fingerprint if number == 1 else _fingerprint(finding.fingerprint, str(number))
        result.append(replace(finding, fingerprint=fingerprint))
    return result
