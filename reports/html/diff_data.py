"""Collects the comparison page's data from a comparison with its verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.diff.change import ChangeKind, DiffState, NamedProvenance
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult, Verdict
from analyzer.text import visible
from gdbscripts.call_kinds import CallKind, call_arrow
from reports.diff_marks import mark_sign
from reports.html.change_marks import STATES_AND_LABELS, ChangeMarks
from reports.html.diff_chains import chain_section
from reports.html.diff_page import (
    ChainSection,
    ChangeCount,
    ChangeEntry,
    DiffPage,
    PageLink,
    ProvenanceFact,
    RuleRow,
)
from reports.text.sentences import counted, summary

_STATUSES = {
    Verdict.SAME: ("same", "=", "the same"),
    Verdict.DIFFERS: ("differs", "≠", "differs"),
    Verdict.NOT_COMPARABLE: ("not-comparable", "?", "not fully comparable"),
}
_OUTCOME_SIGNS = {RuleOutcome.BROKEN: "✗", RuleOutcome.UNCHECKED: "?", RuleOutcome.HOLDS: "✓"}  # worst first


def build_diff_page(judged: JudgedDiff, svg: str, svg_missing: str = "") -> DiffPage:
    """Return the page's data; `svg` is the drawing of the merged graph, "" with the reason in `svg_missing`."""
    diff = judged.diff
    marks = ChangeMarks(judged.findings)
    targets_first = sorted(diff.chains, key=lambda chain: not chain.target)
    sections = [chain_section(chain, number, marks) for number, chain in enumerate(targets_first, 1)]
    targets = sum(chain.target for chain in diff.chains)
    changes = tuple(_change_entries(judged.findings, marks, sections))
    status, sign, label = _STATUSES[judged.verdict]
    return DiffPage(
        title=visible(f"{_short_name(diff.old)} → {_short_name(diff.new)}"),
        status=status,
        status_sign=sign,
        status_label=label,
        summary=visible(summary(judged)),
        old=visible(diff.old.name),
        new=visible(diff.new.name),
        facts=tuple(_facts(diff.old, diff.new)),
        build_facts=tuple(_build_facts(diff.old, diff.new)),
        not_comparable=tuple((visible(what.subject), visible(what.reason)) for what in judged.not_comparable),
        rules=tuple(map(_rule_row, sorted(judged.rules, key=_position_of_outcome))),
        stale_entries=tuple(map(visible, judged.stale)),
        change_counts=tuple(_change_counts(judged.findings)),
        chains=tuple(sections[:targets]),
        other_chains=tuple(sections[targets:]),
        removed_rows=_count_removed_rows(sections),
        changes=changes,
        ioctls_removed=_of_kind(changes, ChangeKind.IOCTL_REMOVED),
        ioctls_added=_of_kind(changes, ChangeKind.IOCTL_ADDED),
        ioctls_reordered=_of_kind(changes, ChangeKind.IOCTL_REORDERED),
        svg=svg,
        svg_missing=svg_missing,
    )


def _count_removed_rows(sections: Sequence[ChainSection]) -> int:
    return sum(
        row.state is DiffState.REMOVED for section in sections for block in section.blocks for row in block.rows
    )


def _short_name(side: NamedProvenance) -> str:
    provenance = side.provenance
    if not provenance.qemu_version:
        return side.name
    return f"QEMU {provenance.qemu_version} {provenance.build.get('profile') or ''}".rstrip()


def _facts(old: NamedProvenance, new: NamedProvenance) -> Iterator[ProvenanceFact]:
    for name, attribute, default in (
        ("QEMU", "qemu_version", ""),
        ("Build-id", "build_id", ""),
        ("Accelerator", "accelerator", ""),
        ("Machine", "machine", "QEMU's default"),
        ("Guest", "guest", ""),
        ("QEMU arguments", "arguments", "none"),
        ("Scenario", "scenario", ""),
        ("Tool", "tool", ""),
    ):
        values = (_fact(side, attribute, default) for side in (old, new))
        yield ProvenanceFact(name, *map(visible, values))
    values = ("complete" if side.provenance.complete else "incomplete" for side in (old, new))
    yield ProvenanceFact("Recording", *values)


def _fact(side: NamedProvenance, attribute: str, default: str) -> str:
    """Return the attribute's value; "" means `default` in a recording, and unknown in imported backtraces."""
    default_of_side = "" if side.imported else default
    return str(getattr(side.provenance, attribute)) or default_of_side or "unknown"


def _build_facts(old: NamedProvenance, new: NamedProvenance) -> Iterator[ProvenanceFact]:
    for name in dict.fromkeys((*old.provenance.build, *new.provenance.build)):
        values = (str(side.provenance.build.get(name, "")) for side in (old, new))
        yield ProvenanceFact(visible(name), *map(visible, values))


def _position_of_outcome(rule: RuleResult) -> int:
    return list(_OUTCOME_SIGNS).index(rule.outcome)


def _rule_row(rule: RuleResult) -> RuleRow:
    return RuleRow(
        outcome=rule.outcome.value,
        sign=_OUTCOME_SIGNS[rule.outcome],
        rule=visible(rule.rule),
        reason=visible(rule.reason),
        explanation=visible(rule.words),
        path=visible(f" {call_arrow(CallKind.CALL)} ".join(rule.path)),
    )


def _change_counts(findings: Sequence[JudgedChange]) -> Iterator[ChangeCount]:
    order = list(ChangeKind)
    changes = sorted((finding.change for finding in findings), key=lambda change: order.index(change.kind))
    for kind, group in groupby(changes, key=lambda change: change.kind):
        state, _ = STATES_AND_LABELS[kind]
        yield ChangeCount(kind.value, state, mark_sign(kind), counted(tuple(group)))


def _change_entries(
    findings: Sequence[JudgedChange], marks: ChangeMarks, sections: Sequence[ChainSection]
) -> Iterator[ChangeEntry]:
    links: dict[tuple[str, str], PageLink] = {}  # by anchor of the mark and milestone
    for section in sections:
        anchors = [(mark, section.anchor) for mark in section.marks]
        anchors += [(mark, row.anchor) for block in section.blocks for row in block.rows for mark in row.marks]
        for mark, anchor in anchors:
            links.setdefault((mark.anchor, section.milestone), PageLink(anchor, section.title))
    for finding in findings:
        change, mark = finding.change, marks.of(finding.change)
        chains = tuple(links[key] for milestone in change.chains if (key := (mark.anchor, milestone)) in links)
        place = f"{change.file}:{change.line}" if change.line else change.file
        subject = mark.sentence if change.kind is ChangeKind.IOCTL_REORDERED else visible(change.subject)
        yield ChangeEntry(mark, subject, chains, visible(place))


def _of_kind(changes: Sequence[ChangeEntry], kind: ChangeKind) -> tuple[ChangeEntry, ...]:
    return tuple(entry for entry in changes if entry.mark.kind == kind.value)
