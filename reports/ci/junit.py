"""Writes a judged comparison as JUnit XML.

The test cases are the chain to each milestone, the changes off the chains, the ioctls, each rule, and each part
that is not comparable. The format is the one of Apache Ant's JUnit task, as the schema JUnit.xsd describes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from xml.etree import ElementTree as ET

from analyzer.diff.change import ChainDiff, ChangeKind
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult
from reports.findings import FindingKind, by_key, findings_of, ioctl_changes, off_chain_changes
from reports.sanitize import sanitized
from reports.text.chain_rows import earlier_chain_titles
from reports.text.diff import aligned_text, threads_text
from reports.text.sentences import counted, first_divergence, sentence, side_sentence, summary

# JUnit.xsd requires a time stamp and a host name; fixed values keep the bytes of equal comparisons equal.
_NO_TIME = "1970-01-01T00:00:00"
_SUITE = "qemu-callchain"


class JunitOutcome(Enum):
    """The outcome of a test case; the value is the element of JUnit for it, "" for a passed test."""

    PASSED = ""
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True)
class JunitCase:
    """A test case of the suite: its `group` becomes a part of the class name."""

    group: str
    name: str
    outcome: JunitOutcome = JunitOutcome.PASSED
    message: str = ""
    kind: ChangeKind | FindingKind | None = None  # of failure or error
    details: str = ""


def render(verdict: JudgedDiff) -> str:
    """Return the document with a line end.

    What is not comparable is an error, not a skipped test: CI platforms hide skipped tests.
    """
    verdict = sanitized(verdict)
    cases = _with_unique_names(junit_cases(verdict))
    counts = Counter(case.outcome for case in cases)
    suite = ET.Element(
        "testsuite", name=_SUITE, timestamp=_NO_TIME, hostname="localhost", time="0",
        tests=str(len(cases)), failures=str(counts[JunitOutcome.FAILURE]), errors=str(counts[JunitOutcome.ERROR]),
    )  # fmt: skip
    properties = ET.SubElement(suite, "properties")
    for name, side in (("old", verdict.diff.old), ("new", verdict.diff.new)):
        ET.SubElement(properties, "property", name=name, value=side_sentence(side))
    for case in cases:
        _append_test_case(suite, case)
    ET.SubElement(suite, "system-out").text = _system_out(verdict)
    ET.SubElement(suite, "system-err").text = "\n".join(verdict.stale)
    ET.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def junit_cases(verdict: JudgedDiff) -> Iterator[JunitCase]:
    """Yield the test cases: chains in the order of the scenario, then the other changes, rules, and errors."""
    judged = by_key(verdict)
    chains = verdict.diff.chains
    for chain, shared_with in zip(chains, earlier_chain_titles(chains), strict=True):
        yield _chain_case(chain, shared_with, findings_of(chain, judged))
    yield _list_case("off the chains", off_chain_changes(verdict))
    yield _list_case("ioctls", ioctl_changes(verdict))
    yield from (_rule_case(rule) for rule in verdict.rules if rule.outcome is not RuleOutcome.UNCHECKED)
    if verdict.stale_counts and verdict.stale:
        yield JunitCase(
            "other changes",
            "allow-list",
            JunitOutcome.FAILURE,
            verdict.stale[0],
            FindingKind.STALE_ENTRY,
            "\n".join(verdict.stale),
        )
    for part in verdict.not_comparable:
        yield JunitCase(
            "not comparable",
            part.subject or "?",
            JunitOutcome.ERROR,
            part.reason,
            FindingKind.NOT_COMPARABLE,
            part.reason,
        )


def _with_unique_names(cases: Iterable[JunitCase]) -> list[JunitCase]:
    """Return the cases with a number behind a repeated name: CI platforms merge test cases of one name."""
    used: Counter[tuple[str, str]] = Counter()
    result = []
    for case in cases:
        used[case.group, case.name] += 1
        number = used[case.group, case.name]
        result.append(case if number == 1 else replace(case, name=f"{case.name} ({number})"))
    return result


def _chain_case(chain: ChainDiff, shared_with: str, findings: Sequence[JudgedChange]) -> JunitCase:
    counting = [finding for finding in findings if finding.counts]
    case = JunitCase("chains", f"{chain.title} ({threads_text(chain)})")
    if not counting:
        return case
    message = first_divergence(chain) or sentence(counting[0].change)
    details = f"{message}\n{aligned_text(chain, shared_with)}"
    kind = counting[0].change.kind
    return replace(case, outcome=JunitOutcome.FAILURE, message=message, kind=kind, details=details)


def _list_case(name: str, findings: Sequence[JudgedChange]) -> JunitCase:
    changes = tuple(finding.change for finding in findings if finding.counts)
    if not changes:
        return JunitCase("other changes", name)
    details = "\n".join(map(sentence, changes))
    return JunitCase("other changes", name, JunitOutcome.FAILURE, counted(changes), changes[0].kind, details)


def _rule_case(rule: RuleResult) -> JunitCase:
    if rule.outcome is RuleOutcome.HOLDS:
        return JunitCase("rules", rule.rule)
    details = "\n".join([rule.reason, *rule.path])
    return JunitCase("rules", rule.rule, JunitOutcome.FAILURE, rule.words, FindingKind.RULE_BROKEN, details)


def _append_test_case(suite: ET.Element, case: JunitCase) -> None:
    element = ET.SubElement(suite, "testcase", classname=f"{_SUITE}.{case.group}", name=case.name, time="0")
    if case.kind is not None:
        ET.SubElement(element, case.outcome.value, type=case.kind.value, message=case.message).text = case.details


def _system_out(verdict: JudgedDiff) -> str:
    accepted = [
        f"accepted: {sentence(entry.change)}: {entry.accepted}" for entry in verdict.findings if entry.accepted
    ]
    return "\n".join([*accepted, summary(verdict)])
