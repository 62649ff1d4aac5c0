"""Comparisons and verdicts as a few lines of text, without comparing anything.

    chain("goal", '''
      main@vl
      > a@x
    + > new@x
    - > gone@x
    ~ > old_name@x | > new_name@x
    »^ > a@x | *> a@y
    = > optimised@x |
    ''')

A row is a sign of `_CHANGES` for each change, the arrow of the call (nothing for the first) and the function in
the notation of `tests.support.notation`: once for both sides, or for each.
"""

from __future__ import annotations

from analyzer.diff.change import (
    NOTES,
    AlignedRow,
    ChainDiff,
    Change,
    ChangeKind,
    Diff,
    NamedProvenance,
    NotComparable,
)
from analyzer.diff.compare import merge_equal_changes
from analyzer.graph.call_graph import ChainStep, Provenance
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import JudgedChange, JudgedDiff, RuleResult
from tests.support.comparisons import with_slot
from tests.support.notation import KINDS, located

_CHANGES = {
    "+": ChangeKind.INSERTED,
    "-": ChangeKind.REMOVED,
    "~": ChangeKind.RENAMED,
    "^": ChangeKind.CALL_KIND,
    "&": ChangeKind.POINTER,
    "»": ChangeKind.MOVED,
    "?": ChangeKind.KIND_UNKNOWN,
    "#": ChangeKind.MACHINE_VERSION,
    "=": ChangeKind.OPTIMISED,
}
"""A sign for each kind of change of a row; the marks of the outputs stand for several kinds."""


ROWS = """
  main@vl
  > a@x
+ > came@x
- > went@x
~ > old_name@pc | > new_name@x86
» *> f@x | *> f@y
= i> small@x | > small@x
  => thread@x
"""
"""A chain with most kinds of changes."""


def provenance(version: str, **changes) -> Provenance:
    """Where a graph of QEMU `version` comes from."""
    facts = {
        "tool": "qemu-callchain test", "scenario": "startup", "qemu_version": version, "build_id": "ab" * 20,
        "accelerator": "kvm", "guest": "tiny", "complete": True, "build": {"profile": "debug"},
    }  # fmt: skip
    return Provenance(**{**facts, **changes})


def same(*names):
    """Rows of functions that both sides have, each called directly."""
    return "".join(f"  > {name}\n" for name in names)


def chain(milestone, rows, threads=("main thread", "main thread"), known=0, own=(), target=True, slots=({}, {})):
    """A milestone's chains, aligned. `own` are kinds of changes of the chain itself; `slots` those of `source`."""
    title = f"The {milestone}"
    one_sided = {ChangeKind.CHAIN_ADDED, ChangeKind.CHAIN_REMOVED} & set(own)
    made, after = [], ""
    for line in filter(str.strip, rows.splitlines()):
        marks, old, new = _parsed(line, slots)
        told = () if one_sided else tuple(_change(_CHANGES[mark], old, new, after, milestone) for mark in marks)
        made.append(AlignedRow(old, new, told))
        after = (new or old).function.name
    of_itself = (Change(kind, title, *threads, chains=(milestone,), file="hw/main.c", line=10) for kind in own)
    changes = (*of_itself, *(change for row in made for change in row.changes))
    return ChainDiff(milestone, title, target, *threads, tuple(made), changes, known)


def verdict(
    *chains,
    extra=(),
    accepted=None,
    rules=(),
    stale=(),
    not_comparable=(),
    names=("old", "new"),
    provenances=None,
    **more,
):
    """A verdict on those chains and the `extra` changes. `accepted` says why, by subject; notes do not count."""
    accepted = accepted or {}
    found = merge_equal_changes([*(change for one in chains for change in one.changes), *extra])
    old, new = map(NamedProvenance, names, provenances or (provenance("7.2.0"), provenance("10.0.0")))
    open_ = tuple(NotComparable(*one) for one in not_comparable)
    findings = tuple(_finding(change, accepted) for change in found)
    return JudgedDiff(Diff(old, new, chains, found, open_), findings, tuple(rules), tuple(stale), open_, **more)


def many(count, kind=ChangeKind.FUNCTION_ADDED, name="function_{}"):
    """So many changes outside the chains."""
    return [Change(kind, name.format(number), new=name.format(number)) for number in range(count)]


def broken(rule="main must reach kvm_cpu_exec", words="main does not reach it", **changes) -> RuleResult:
    """A rule that does not hold."""
    return RuleResult(
        **{"rule": rule, "reason": "a guest must run", "outcome": RuleOutcome.BROKEN, "words": words, **changes}
    )


def example(**more):
    """A verdict with something for every part of an output."""
    facts = dict(
        extra=[*many(3), Change(ChangeKind.IOCTL_ADDED, "KVM_CREATE_VM", new="KVM_CREATE_VM")],
        accepted={"went": "known since May"},
        rules=[broken(path=("main", "a"))],
        stale=["Entry 3 matches nothing."],
        not_comparable=[("KVM_RUN", "never reached")],
    )
    return verdict(
        chain("goal", ROWS),
        chain("same", "  main@vl\n  > a@x\n"),
        chain("later", ROWS, known=8),
        **{**facts, **more},
    )


def _finding(change, accepted):
    reason = accepted.get(change.subject, "")
    return JudgedChange(change, counts=not reason and change.kind not in NOTES, accepted=reason)


def _parsed(line, slots):
    marks, _, rest = line.partition(" ")
    old, bar, new = rest.partition("|")
    sides = [old, new] if bar else ["" if marks == "+" else old, "" if marks == "-" else old]
    return marks, *map(_step, sides, slots)


def _step(text, slots):
    if not text.strip():
        return None
    *arrow, name = text.split()
    function, file = located(name)
    return with_slot(ChainStep(function, KINDS[arrow[0]] if arrow else None, file, 10), slots)


def _change(kind, old, new, after, milestone):
    place = new or old
    was, now = (step.function.name if step else "" for step in (old, new))
    if kind is ChangeKind.MOVED:
        was, now = old.file, new.file
    elif kind is ChangeKind.CALL_KIND:
        was, now = old.kind.value, new.kind.value
    elif kind is ChangeKind.POINTER:
        was, now = "Ops.run, set by a", "Ops.run, set by b"
    after = after if kind in (ChangeKind.INSERTED, ChangeKind.REMOVED) else ""
    subject = place.function.name
    return Change(kind, subject, was, now, after, chains=(milestone,), file=place.file, line=place.line)
