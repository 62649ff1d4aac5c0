"""Gathers the page's data from a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.diff.change import ChangeKind, NamedProvenance
from analyzer.graph.rules import RuleOutcome
from analyzer.model.call_kinds import CallKind, call_arrow
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult, Verdict
from analyzer.text import visible
from reports.diff_marks import mark_sign
from reports.html.change_marks import FAMILIES, ChangeMarks
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

_VERDICTS = {
    Verdict.SAME: ("same", "=", "the same"),
    Verdict.DIFFERS: ("differs", "≠", "differs"),
    Verdict.NOT_COMPARABLE: ("unchecked", "?", "not everything was checked"),
}
_OUTCOMES = {RuleOutcome.BROKEN: "✗", RuleOutcome.UNCHECKED: "?", RuleOutcome.HOLDS: "✓"}  # worst first


def build_diff_page(judged: JudgedDiff, svg: str, svg_missing: str = "") -> DiffPage:
    """The page's data; `svg` is the drawing of the merged graph, "" with the reason in `svg_missing`."""
    diff = judged.diff
    marks = ChangeMarks(judged.findings)
    by_target = sorted(diff.chains, key=lambda chain: not chain.target)
    chapters = [chain_section(chain, number, marks) for number, chain in enumerate(by_target, 1)]
    targets = sum(chain.target for chain in diff.chains)
    entries = tuple(_entries(judged.findings, marks, chapters))
    status, sign, words = _VERDICTS[judged.verdict]
    return DiffPage(
        title=visible(f"{_short(diff.old)} → {_short(diff.new)}"),
        status=status,
        sign=sign,
        status_words=words,
        verdict=visible(summary(judged)),
        old=visible(diff.old.name),
        new=visible(diff.new.name),
        facts=tuple(_facts(diff.old, diff.new)),
        build=tuple(_build(diff.old, diff.new)),
        not_comparable=tuple((visible(it.subject), visible(it.reason)) for it in judged.not_comparable),
        rules=tuple(map(_rule, sorted(judged.rules, key=_outcome))),
        stale=tuple(map(visible, judged.stale)),
        chips=tuple(_chips(judged.findings)),
        chapters=tuple(chapters[:targets]),
        others=tuple(chapters[targets:]),
        gone=sum(pair.family == "gone" for it in chapters for block in it.blocks for pair in block.pairs),
        entries=entries,
        ioctls_gone=_of_kind(entries, ChangeKind.IOCTL_REMOVED),
        ioctls_new=_of_kind(entries, ChangeKind.IOCTL_ADDED),
        ioctls_moved=_of_kind(entries, ChangeKind.IOCTL_REORDERED),
        svg=svg,
        svg_missing=svg_missing,
    )


def _short(side: NamedProvenance) -> str:
    provenance = side.provenance
    if not provenance.qemu_version:
        return side.name
    return f"QEMU {provenance.qemu_version} {provenance.build.get('profile') or ''}".rstrip()


def _facts(old: NamedProvenance, new: NamedProvenance) -> Iterator[ProvenanceFact]:
    for name, attribute, otherwise in (
        ("QEMU", "qemu_version", ""),
        ("Build-id", "build_id", ""),
        ("Accelerator", "accelerator", ""),
        ("Machine", "machine", "QEMU's default"),
        ("Guest", "guest", ""),
        ("QEMU arguments", "arguments", "none"),
        ("Scenario", "scenario", ""),
        ("Made by", "tool", ""),
    ):
        values = (_fact(side, attribute, otherwise) for side in (old, new))
        yield ProvenanceFact(name, *map(visible, values))
    ends = ("to its end" if side.provenance.complete else "cut short" for side in (old, new))
    yield ProvenanceFact("Recorded", *ends)


def _fact(side: NamedProvenance, attribute: str, otherwise: str) -> str:
    """`otherwise` is what an empty one stands for, where something was started."""
    known = "" if side.imported else otherwise
    return str(getattr(side.provenance, attribute)) or known or "unknown"


def _build(old: NamedProvenance, new: NamedProvenance) -> Iterator[ProvenanceFact]:
    for name in dict.fromkeys((*old.provenance.build, *new.provenance.build)):
        values = (str(side.provenance.build.get(name, "")) for side in (old, new))
        yield ProvenanceFact(visible(name), *map(visible, values))


def _outcome(rule: RuleResult) -> int:
    return list(_OUTCOMES).index(rule.outcome)


def _rule(rule: RuleResult) -> RuleRow:
    return RuleRow(
        outcome=rule.outcome.value,
        sign=_OUTCOMES[rule.outcome],
        rule=visible(rule.rule),
        reason=visible(rule.reason),
        words=visible(rule.words),
        path=visible(f" {call_arrow(CallKind.CALL)} ".join(rule.path)),
    )


def _chips(findings: Sequence[JudgedChange]) -> Iterator[ChangeCount]:
    order = list(ChangeKind)
    changes = sorted((finding.change for finding in findings), key=lambda change: order.index(change.kind))
    for kind, group in groupby(changes, key=lambda change: change.kind):
        family, _ = FAMILIES[kind]
        yield ChangeCount(kind.value, family, mark_sign(kind), counted(tuple(group)))


def _entries(
    findings: Sequence[JudgedChange], marks: ChangeMarks, chapters: Sequence[ChainSection]
) -> Iterator[ChangeEntry]:
    places: dict[tuple[str, str], PageLink] = {}
    for it in chapters:
        told = [(mark, it.anchor) for mark in it.marks]
        told += [(mark, pair.anchor) for block in it.blocks for pair in block.pairs for mark in pair.marks]
        for mark, anchor in told:
            places.setdefault((mark.anchor, it.milestone), PageLink(anchor, it.title))
    for finding in findings:
        change, mark = finding.change, marks.of(finding.change)
        links = tuple(places[key] for name in change.chains if (key := (mark.anchor, name)) in places)
        place = f"{change.file}:{change.line}" if change.line else change.file
        words = mark.sentence if change.kind is ChangeKind.IOCTL_REORDERED else visible(change.subject)
        yield ChangeEntry(mark, words, links, visible(place))


def _of_kind(entries: Sequence[ChangeEntry], kind: ChangeKind) -> tuple[ChangeEntry, ...]:
    return tuple(entry for entry in entries if entry.mark.kind == kind.value)
