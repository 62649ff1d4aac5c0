"""A baseline: what is compared of a call graph, as text to keep in git. Pure; `reading.py` makes it a graph again.

Line-oriented and free of what changes without the program: lines, addresses, clocks, paths of a host, build-ids,
the kernel. The same for two recordings of one program. A step of a chain stands below its caller, after how it was
called:

    chain kvm-init: KVM is chosen and set up (main thread)
      main softmmu/main.c
      > qemu_init softmmu/vl.c
      *> kvm_init accel/kvm/kvm-all.c
           through member AccelClass.init_machine
           stored AccelClass.init_machine kvm_accel_class_init
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from analyzer.diff.aligned_chains import OUTSIDE_THE_PROGRAM, comparable
from analyzer.graph.call_graph import Call, CallGraph, ChainStep, GraphPointer, GraphPointerOrigin, Provenance
from analyzer.model.call_kinds import arrow_key, call_arrow
from analyzer.model.frames import Function
from gdbscripts.records import STEPS

# History of the format:
# 1  first
# 2  the arrows of `CALL_KINDS`, none of which has a mark of a comparison in it; a line `key` for those that occur
FIRST_LINE = "qemu-callchain baseline 2"
KEY = "key"
HEAD = ("qemu", "machine", "profile", "scenario", "accelerator", "guest", "arguments")
_PLAIN = re.compile(r"[^\s\"]+")
_OWN_WORDS = {"as", "through", *STEPS}  # what else a line may begin with
AS = "as "  # a chain that begins like the whole of an earlier one names that


def write_baseline(graph: CallGraph) -> str:
    """The baseline of a graph."""
    head = [FIRST_LINE, *_head(graph.provenance), *_key(graph)]
    return "\n".join([*head, *_chains(graph), *_outside(graph), *_ioctls(graph), ""])


def machine(provenance: Provenance) -> str:
    """The type of the virtual machine in a word."""
    return provenance.machine or "default"


def profile(provenance: Provenance) -> str:
    """How the program was built, in a word."""
    return str(provenance.build.get("profile", "own"))


def _head(provenance: Provenance) -> Iterator[str]:
    values = {**vars(provenance), "qemu": provenance.qemu_version}
    values |= {"machine": machine(provenance), "profile": profile(provenance)}
    for key in HEAD:
        if key != "arguments" or values[key]:  # few recordings have some
            yield f"{key} {_phrase(str(values[key]))}".rstrip()


def _key(graph: CallGraph) -> Iterator[str]:
    """The meaning of the arrows that occur, in a line; none when none does."""
    kinds = {step.kind for chain in graph.chains for step in comparable(chain.steps, kernel=False)}
    kinds |= {call.kind for call in _calls_outside(graph)}
    if words := arrow_key(kinds):
        yield f"{KEY} {words}"


def _chains(graph: CallGraph) -> Iterator[str]:
    told: dict[tuple[ChainStep, ...], str] = {}
    names = [chain.milestone for chain in graph.chains]
    for chain in graph.chains:
        steps = tuple(map(_bare, comparable(chain.steps, kernel=False)))
        word = "chain" if chain.target else "step"
        thread = _phrase(chain.thread, '()"')
        yield f"\n{word} {_phrase(chain.milestone, ':')}: {_phrase(chain.title)} ({thread})"
        same = max((before for before in told if steps[: len(before)] == before), key=len, default=())
        if same:
            yield f"  {AS}{_phrase(told[same])}"
        for step in steps[len(same) :]:
            yield from _step(step)
        if names.count(chain.milestone) == 1:
            told.setdefault(steps, chain.milestone)


def _bare(step: ChainStep) -> ChainStep:
    """The step without what is not kept."""
    slot = step.slot if step.slot and step.slot.outcome == "explained" else None
    if slot is not None:
        set_by = tuple(GraphPointerOrigin(s.what, s.name, s.function, "", 0) for s in slot.set_by)
        slot = GraphPointer(slot.kind, slot.name, slot.outcome, "", set_by)
    return ChainStep(step.function, step.kind, _place(step.function, step.file), 0, "", slot)


def _step(step: ChainStep) -> Iterator[str]:
    arrow = f"{call_arrow(step.kind)} " if step.kind else ""
    name = step.function.name
    yield f"  {arrow}{json.dumps(name) if name in _OWN_WORDS else _word(name)} {_word(step.file)}"
    if step.slot is not None:
        yield f"       through {step.slot.kind} {_word(step.slot.name)}"
        for setting in step.slot.set_by:
            yield f"       {setting.what} {_word(setting.name)} {_word(setting.function)}"


def _outside(graph: CallGraph) -> Iterator[str]:
    on_chains = {step.function for chain in graph.chains for step in chain.steps}
    files = {node.function: _place(node.function, node.file) for node in graph.nodes}
    outermost = {node.function for node in graph.nodes if node.outermost}
    kernel = {call.callee for call in graph.calls if call.kind in OUTSIDE_THE_PROGRAM}
    lines = [
        f"function {_word(f.name)} {_word(files[f])}{' outermost' if f in outermost else ''}"
        for f in files
        if f not in on_chains and f not in kernel
    ]
    lines += [
        f"call {_word(c.caller.name)} {_word(files[c.caller])} {call_arrow(c.kind)} "
        f"{_word(c.callee.name)} {_word(files[c.callee])}"
        for c in _calls_outside(graph)
    ]
    yield from ["\noutside the chains", *(f"  {line}" for line in sorted(lines))] if lines else []


def _calls_outside(graph: CallGraph) -> list[Call]:
    """The program's calls that no chain has."""
    edges = {(a.function, b.function) for chain in graph.chains for a, b in pairwise(chain.steps)}
    return [
        call
        for call in graph.calls
        if call.kind not in OUTSIDE_THE_PROGRAM and (call.caller, call.callee) not in edges
    ]


def _ioctls(graph: CallGraph) -> Iterator[str]:
    threads = dict.fromkeys(call.thread for call in graph.ioctls)
    for thread in threads:
        yield f"\nioctls on {_phrase(thread)}"
        asked = dict.fromkeys((call.request, call.file) for call in graph.ioctls if call.thread == thread)
        yield from (f"  {_word(request)} {_word(file)}" for request, file in asked)


def _place(function: Function, file: str) -> str:
    """The file, or what stands for it: `[libc]`, and `(pc_piix)` for a file of which only the stem is known."""
    if function.where.startswith("["):
        return function.where
    return file if PurePosixPath(file).stem == function.where else f"({function.where})"


def _phrase(text: str, unfit: str = "") -> str:
    """The text as it is, or in quotes when it has what is unfit for its place."""
    fit = text.isprintable() and text == text.strip() and not text.startswith('"') and not set(text) & set(unfit)
    return text if fit else json.dumps(text)


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text)
