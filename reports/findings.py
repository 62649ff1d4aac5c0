"""What a list of findings shows: changes, broken rules, what could not be checked, stale entries. Worst first."""

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
    """How bad a finding is, worst first; the words of GitHub's annotations."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class FindingKind(TextEnum):
    """Kinds of findings that are no change."""

    RULE_BROKEN = "rule-broken"
    NOT_COMPARABLE = "not-checked"
    STALE_ENTRY = "stale-entry"


@dataclass(frozen=True)
class Finding:
    """One entry of a list of findings, with its level and its place."""

    level: Level
    check: ChangeKind | FindingKind
    subject: str
    text: str  # a sentence, fit to show
    fingerprint: str  # the same whenever the same is found, in whatever line
    file: str = ""
    line: int = 0
    accepted: str = ""  # why, when the allow file says so
    path: tuple[str, ...] = ()
    change: Change | None = None  # as it was found: not fit to show


def findings(verdict: JudgedDiff) -> list[Finding]:
    """All there is to tell, worst first; fingerprints are unique."""
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
    """What is thought of each change, for those who hold a change of a row or a chain."""
    return {finding.change.key: finding for finding in verdict.findings}


def findings_of(chain: ChainDiff, judged: dict[tuple[str, ...], JudgedChange]) -> list[JudgedChange]:
    """The decisions about the changes of a chain; a change without a decision counts."""
    return [judged.get(change.key, JudgedChange(change, True)) for change in chain.changes]


def off_chain_changes(verdict: JudgedDiff) -> list[JudgedChange]:
    """Changes that no chain shows, ioctls left out."""
    return [
        entry for entry in verdict.findings if not entry.change.chains and entry.change.kind not in IOCTL_KINDS
    ]


def ioctl_changes(verdict: JudgedDiff) -> list[JudgedChange]:
    """Changes of what the kernel is asked."""
    return [entry for entry in verdict.findings if entry.change.kind in IOCTL_KINDS]


def _with_sanitized(values: Iterable[_Value]) -> Iterator[tuple[_Value, _Value]]:
    """Each as it was found, and as it can be shown."""
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
    """Without lines, and without the function before: other changes move both."""
    return _fingerprint(change.kind, change.subject, change.old, change.new, *change.chains)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()


def _unique(found: list[Finding]) -> list[Finding]:
    """Two findings may be the same for a fingerprint: platforms would drop the second one."""
    used: Counter[str] = Counter()
    result = []
    for finding in found:
        used[finding.fingerprint] += 1
        number = used[finding.fingerprint]
        fingerprint = finding.fingerprint if number == 1 else _fingerprint(finding.fingerprint, str(number))
        result.append(replace(finding, fingerprint=fingerprint))
    return result
