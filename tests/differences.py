"""Comparisons made by hand: what the outputs of `analyze diff` are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from analyzer.diff.change import ChainDiff, Change, ChangeKind, Row, Side, Unchecked
from analyzer.diff.verdict import Verdict
from analyzer.graph.callgraph import Call, CallGraph, ChainStep, Node, Provenance, Setting, Slot
from analyzer.model import Function, Kind
from tests.changes import verdict as judged


def side(version: str, **build: object) -> Side:
    """A side with some provenance."""
    provenance = Provenance(
        "qemu-callchain test", "startup", version, f"{version}abcd", "kvm", "tiny", True, build
    )
    return Side(f"out/{version}/graph.json", provenance)


def step(
    name: str, kind: Kind | None = Kind.DIRECT, file: str = "hw/main.c", slot: Slot | None = None
) -> ChainStep:
    """A step of a chain; the function's file is the stem of `file`."""
    return ChainStep(function(name, file), kind, file, 10, "", slot)


def function(name: str, file: str = "hw/main.c") -> Function:
    """The function `name` of `file`."""
    return Function(name, file.rpartition("/")[2].partition(".")[0])


def slot(name: str, setter: str) -> Slot:
    """A member that `setter` stored a pointer in."""
    return Slot("member", name, "explained", "", (Setting("stored", name, setter, "hw/set.c", 3),))


def same(*names: str) -> list[Row]:
    """Rows with the same function on both sides."""
    return [Row(step(name), step(name)) for name in names]


def inserted(name: str, after: str = "") -> Row:
    """A row for a function that came in."""
    change = Change(ChangeKind.INSERTED, name, "", name, after, file="hw/main.c", line=10)
    return Row(None, step(name), (change,))


def removed(name: str, after: str = "") -> Row:
    """A row for a function that is gone."""
    return Row(step(name), None, (Change(ChangeKind.REMOVED, name, name, "", after),))


def renamed(old: str, new: str, kind: ChangeKind = ChangeKind.RENAMED) -> Row:
    """A row for a function with another name."""
    return Row(step(old), step(new), (Change(kind, old, old, new),))


def chain(milestone: str, rows: Sequence[Row], *changes: Change, target: bool = True, known: int = 0) -> ChainDiff:
    """The aligned chains to `milestone`, reached on the main thread on both sides."""
    told = tuple(
        replace(change, chains=(milestone,))
        for change in (*changes, *(change for row in rows for change in row.changes))
    )
    title = f"The {milestone}"
    return ChainDiff(milestone, title, target, "main thread", "main thread", tuple(rows), told, known)


def verdict(
    *chains: ChainDiff,
    changes: Sequence[Change] = (),
    unchecked: Sequence[Unchecked] = (),
    accepted: str = "",
    sides: tuple[Side, Side] | None = None,
    **more: Any,
) -> Verdict:
    """The comparison of these chains; `changes` are those outside, `accepted` the subject of an accepted one."""
    return judged(
        *chains,
        extra=changes,
        accepted={accepted: "it is known"},
        unchecked=[(one.subject, one.reason) for one in unchecked],
        sides=sides or (side("7.2.0", profile="debug"), side("8.1.0", profile="debug")),
        **more,
    )


def graph(*calls: str, files: dict[str, str] | None = None) -> CallGraph:
    """A graph of calls `caller kind callee`."""
    made = CallGraph(side("7.2.0").provenance)
    edges = [call.split() for call in calls]
    for name in sorted({name for caller, _, callee in edges for name in (caller, callee)}):
        file = (files or {}).get(name, "hw/main.c")
        made.put(Node(function(name, file), file))
    for caller, kind, callee in edges:
        ends = (function(name, (files or {}).get(name, "hw/main.c")) for name in (caller, callee))
        made.connect(Call(*ends, Kind(kind), 1))
    return made
