"""Comparisons as a few lines of text.

    chain("goal", '''
            main@vl
          > a@x
    +     > new@x
    -     > gone@x
    ~     > old_name@x | > new_name@x
    »     > a@x        | > a@y
    ''')

A row is its mark, then how it is come to (none for the first) and `function@stem`, for both sides or each of them.
"""

from __future__ import annotations

from analyzer.diff.change import NOTES, ChainDiff, Change, ChangeKind, Diff, Row, Side, Unchecked
from analyzer.diff.compare import each_once
from analyzer.diff.verdict import Finding, RuleResult, Verdict
from analyzer.graph.callgraph import ChainStep, Provenance
from analyzer.model import Function
from reports.changes.rows import MARKS
from reports.changes.safe import mapped
from tests.notation import ARROWS

_WAYS = {arrow.strip(): kind for kind, arrow in ARROWS.items()}
_KINDS = {mark: kind for kind, mark in MARKS.items()}


ROWS = """
  main@vl
  > a@x
+ > came@x
- > went@x
~ > old_name@pc | > new_name@x86
» *> f@x | *> f@y
= +> small@x | > small@x
  => thread@x
"""
"""A chain with most kinds of changes."""

HOSTILE = [
    "<script>alert(1)</script>",
    "a\nb",
    "\x1b[2J",
    "::error::x",
    "]]>",
    "\u202eevil",
    "\u2028line",
    "`@someone` ``` #1 |",
    "--> <!-- </details>",
    "\x00\x07\ufffe",
    "x" * 10_000,
    "std::map<int, foo>::operator()(unsigned long) const",
    "\ud800",
    "",
]
"""Names that a program might have, to say something else with them."""


def provenance(version: str, **changes) -> Provenance:
    """Where a graph of QEMU `version` comes from."""
    facts = {
        "tool": "qemu-callchain test", "scenario": "startup", "qemu_version": version, "build_id": "ab" * 20,
        "accelerator": "kvm", "guest": "tiny", "complete": True, "build": {"profile": "debug"},
    }  # fmt: skip
    return Provenance(**{**facts, **changes})


def chain(milestone, notation, title="", threads=("main thread", "main thread"), known=0, own=(), target=True):
    """A milestone's chains, aligned; `own` are kinds of changes of the chain itself."""
    title = title or f"The {milestone}"
    rows = [_row(line) for line in notation.splitlines() if line.strip()]
    after, told = "", []
    one_sided = {ChangeKind.CHAIN_ADDED, ChangeKind.CHAIN_REMOVED} & set(own)
    for position, row in enumerate(rows):
        mark, old, new = row
        rows[position] = Row(old, new) if one_sided else _with_change(mark, old, new, after, milestone)
        after = (new or old).function.name
        told += rows[position].changes
    changes = [_change(kind, title, *threads, milestone=milestone) for kind in own]
    return ChainDiff(milestone, title, target, *threads, tuple(rows), (*changes, *told), known)


def verdict(
    *chains, extra=(), accepted=None, rules=(), stale=(), unchecked=(), names=("old", "new"), sides=None, **more
):
    """A verdict on those chains and the `extra` changes. `accepted` says why, by subject; notes do not count."""
    accepted = accepted or {}
    found = each_once([*(change for one in chains for change in one.changes), *extra])
    old, new = sides or (Side(names[0], provenance("7.2.0")), Side(names[1], provenance("10.0.0")))
    open_ = tuple(Unchecked(*one) for one in unchecked)
    findings = tuple(_finding(change, accepted) for change in found)
    return Verdict(Diff(old, new, chains, found, open_), findings, tuple(rules), tuple(stale), open_, **more)


def many(count, kind=ChangeKind.FUNCTION_ADDED, name="function_{}"):
    """So many changes outside the chains."""
    return [Change(kind, name.format(number), new=name.format(number)) for number in range(count)]


def broken(rule="main must reach kvm_cpu_exec", words="main does not reach it", **changes) -> RuleResult:
    """A rule that does not hold."""
    return RuleResult(
        **{"rule": rule, "reason": "a guest must run", "outcome": "broken", "words": words, **changes}
    )


def example(**more):
    """A verdict with something for every part of an output."""
    facts = dict(
        extra=[*many(3), Change(ChangeKind.IOCTL_ADDED, "KVM_CREATE_VM", new="KVM_CREATE_VM")],
        accepted={"went": "known since May"},
        rules=[broken(path=("main", "a"))],
        stale=["Entry 3 matches nothing."],
        unchecked=[("KVM_RUN", "never reached")],
    )
    return verdict(
        chain("goal", ROWS),
        chain("same", "  main@vl\n  > a@x\n"),
        chain("later", ROWS, known=8),
        **{**facts, **more},
    )


def called(differs, name):
    """The chain, with a function called `name`."""
    return mapped(differs, lambda text: name if text == "came" else text)


def hostile(name):
    """The same, with a program that calls everything `name`."""
    changes = [Change(kind, name, name, name, name, name, ("goal",), name, 3) for kind in ChangeKind]
    differs = called(chain("goal", ROWS, title=name, threads=(name, name)), name)
    return verdict(
        differs, extra=changes, accepted={name + "x": name},
        rules=[broken(name or "r", name, reason=name, path=(name,))], stale=[name], unchecked=[(name, name)],
        names=(name, name),
    )  # fmt: skip


def _finding(change, accepted):
    reason = accepted.get(change.subject, "")
    return Finding(change, counts=not reason and change.kind not in NOTES, accepted=reason)


def _row(line):
    mark, rest = line.strip("\n")[:1], line.strip("\n")[1:]
    old, bar, new = rest.partition(" | ")
    steps = [_step(old), _step(new) if bar else _step(old)]
    if not bar and mark in "+-":
        steps[mark == "-"] = None
    return mark, *steps


def _step(text):
    words = text.split()
    name, _, stem = words[-1].partition("@")
    kind = _WAYS[words[0]] if len(words) > 1 else None
    stem = stem or "main"
    return ChainStep(Function(name, stem), kind, f"hw/{stem}.c", 10)


def _with_change(mark, old, new, after, milestone):
    if mark == " ":
        return Row(old, new)
    kind = _KINDS[mark]
    was, now = (step.function.name if step else "" for step in (old, new))
    subject = now or was
    if kind is ChangeKind.MOVED:
        was, now = old.file, new.file
    elif kind is ChangeKind.CALL_KIND:
        was, now = old.kind.value, new.kind.value
    elif kind is ChangeKind.POINTER:
        was, now = "Ops.run, set by a", "Ops.run, set by b"
    place = new or old
    after = after if mark in "+-" else ""
    change = Change(kind, subject, was, now, after, chains=(milestone,), file=place.file, line=place.line)
    return Row(old, new, (change,))


def _change(kind, title, old, new, milestone):
    return Change(kind, title, old, new, chains=(milestone,), file="hw/main.c", line=10)
