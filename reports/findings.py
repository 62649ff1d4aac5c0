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

IOCTLS = frozenset({ChangeKind.IOCTL_ADDED, ChangeKind.IOCTL_REMOVED, ChangeKind.IOCTL_REORDERED})

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
    """Something to tell."""

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
    found = [_of_change(finding, sanitized(finding)) for finding in verdict.findings]
    broken = [
        Finding(
            Level.ERROR,
            FindingKind.RULE_BROKEN,
            rule.rule,
            _rule_words(rule),
            _fingerprint(FindingKind.RULE_BROKEN, raw.rule),
            path=rule.path,
        )
        for raw, rule in _both(verdict.broken)
    ]
    not_comparable = [
        Finding(
            Level.ERROR,
            FindingKind.NOT_COMPARABLE,
            one.subject,
            f"{one.subject}: {one.reason}",
            _fingerprint(FindingKind.NOT_COMPARABLE, raw.subject),
        )
        for raw, one in _both(verdict.not_comparable)
    ]
    stale = [
        Finding(
            Level.ERROR if verdict.stale_counts else Level.WARNING,
            FindingKind.STALE_ENTRY,
            "allow file",
            text or FindingKind.STALE_ENTRY.value,
            _fingerprint(FindingKind.STALE_ENTRY, raw),
        )
        for raw, text in _both(verdict.stale)
    ]
    ranks = list(Level)
    return _unique(sorted([*broken, *found, *not_comparable, *stale], key=lambda item: ranks.index(item.level)))


def by_key(verdict: JudgedDiff) -> dict[tuple[str, ...], JudgedChange]:
    """What is thought of each change, for those who hold a change of a row or a chain."""
    return {finding.change.key: finding for finding in verdict.findings}


def findings_of(chain: ChainDiff, known: dict[tuple[str, ...], JudgedChange]) -> list[JudgedChange]:
    """What is thought of the changes of a chain; a change that nobody judged counts."""
    return [known.get(change.key, JudgedChange(change, True)) for change in chain.changes]


def off_chain_changes(verdict: JudgedDiff) -> list[JudgedChange]:
    """Changes that no chain shows, ioctls left out."""
    return [one for one in verdict.findings if not one.change.chains and one.change.kind not in IOCTLS]


def ioctl_changes(verdict: JudgedDiff) -> list[JudgedChange]:
    """Changes of what the kernel is asked."""
    return [one for one in verdict.findings if one.change.kind in IOCTLS]


def _both(values: Iterable[_Value]) -> Iterator[tuple[_Value, _Value]]:
    """Each as it was found, and as it can be shown."""
    return ((value, sanitized(value)) for value in values)


def _of_change(raw: JudgedChange, finding: JudgedChange) -> Finding:
    change = finding.change
    text = sentence(change)
    return Finding(
        level=Level.ERROR if finding.counts else Level.NOTICE,
        check=change.kind,
        subject=change.subject,
        text=f"{text}: accepted, {finding.accepted}" if finding.accepted else text,
        fingerprint=_change_fingerprint(raw.change),
        file=change.file,
        line=change.line,
        accepted=finding.accepted,
        change=raw.change,
    )


def _rule_words(rule: RuleResult) -> str:
    because = f" (the rule is there because: {rule.reason})" if rule.reason else ""
    return f"{rule.rule}: {rule.words}{because}"


def _change_fingerprint(change: Change) -> str:
    """Without lines, and without the function before: other changes move both."""
    return _fingerprint(change.kind, change.subject, change.old, change.new, *change.chains)


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()


def _unique(told: list[Finding]) -> list[Finding]:
    """Two findings may be the same for a fingerprint: platforms would drop the second one."""
    seen: Counter[str] = Counter()
    result = []
    for item in told:
        seen[item.fingerprint] += 1
        again = seen[item.fingerprint]
        result.append(
            item if again == 1 else replace(item, fingerprint=_fingerprint(item.fingerprint, str(again)))
        )
    return result
