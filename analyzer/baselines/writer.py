"""Writes a baseline: the compared part of a call graph as text to keep in git. Pure; `reader.py` reads it.

The text has one fact per line, and nothing that changes without the program: no line numbers, addresses, clocks,
paths of a host, build-ids or kernel functions. Two recordings of one program give equal text. Each function of a
chain stands below its caller, after the arrow of the call:

    chain kvm-init: QEMU initialises KVM (main thread)
      main softmmu/main.c
      > qemu_init softmmu/vl.c
      *> kvm_init accel/kvm/kvm-all.c
           through member AccelClass.init_machine
           stored AccelClass.init_machine kvm_accel_class_init
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from analyzer.diff.aligned_chains import KERNEL_CALL_KINDS, comparable_steps
from analyzer.graph.call_graph import Call, CallGraph, ChainStep, GraphPointer, GraphPointerOrigin, Provenance
from analyzer.model.frames import Function
from gdbscripts.call_kinds import arrow_key, call_arrow
from gdbscripts.enums import PointerOriginKind, PointerOutcome

# History of the format:
# 1  first
# 2  the arrows of `CALL_KINDS`, none of which has a mark of a comparison in it; a line `key` for those that occur
FIRST_LINE = "qemu-callchain baseline 2"
KEY = "key"
HEAD = ("qemu", "machine", "profile", "scenario", "accelerator", "guest", "arguments")
_UNQUOTED = re.compile(r"[^\s\"]+")
_KEYWORDS = {"as", "through", *map(str, PointerOriginKind)}  # a function of such a name is quoted
OPEN_ENDED = "open-ended"  # behind the heading of a chain whose first function has unknown callers
AS = "as "  # before the milestone of an earlier chain, with which this chain begins


def write_baseline(graph: CallGraph) -> str:
    """Return the baseline of a graph. `read_baseline` of it gives a graph without differences to this one."""
    head = [FIRST_LINE, *_head(graph.provenance), *_key(graph)]
    return "\n".join([*head, *_chains(graph), *_off_chain(graph), *_ioctls(graph), ""])


def machine(provenance: Provenance) -> str:
    """Return the machine type, "default" for QEMU's default."""
    return provenance.machine or "default"


def profile(provenance: Provenance) -> str:
    """Return the build profile, "own" for a program that this tool did not build."""
    return str(provenance.build.get("profile", "own"))


def _head(provenance: Provenance) -> Iterator[str]:
    values = {**vars(provenance), "qemu": provenance.qemu_version}
    values |= {"machine": machine(provenance), "profile": profile(provenance)}
    for key in HEAD:
        if key != "arguments" or values[key]:  # most recordings have no arguments
            yield f"{key} {_phrase(str(values[key]))}".rstrip()


def _key(graph: CallGraph) -> Iterator[str]:
    """The meaning of the arrows that occur, in a line; none when none does."""
    kinds = {step.kind for chain in graph.chains for step in comparable_steps(chain.steps, kernel=False)}
    kinds |= {call.kind for call in _calls_outside(graph)}
    if words := arrow_key(kinds):
        yield f"{KEY} {words}"


def _chains(graph: CallGraph) -> Iterator[str]:
    written: dict[tuple[ChainStep, ...], str] = {}  # steps -> milestone
    lengths: set[int] = set()  # of the keys of `written`
    numbers = Counter(chain.milestone for chain in graph.chains)
    for chain in graph.chains:
        steps = tuple(map(_compared_part, comparable_steps(chain.steps, kernel=False)))
        word = "chain" if chain.target else "step"
        thread = _phrase(chain.thread, '()"')
        end = f" {OPEN_ENDED}" if chain.open_ended else ""
        yield f"\n{word} {_phrase(chain.milestone, ':')}: {_phrase(chain.title)} ({thread}){end}"
        prefixes = (steps[:length] for length in sorted(lengths, reverse=True) if length <= len(steps))
        prefix = next((prefix for prefix in prefixes if prefix in written), ())
        if prefix:
            yield f"  {AS}{_phrase(written[prefix])}"
        for step in steps[len(prefix) :]:
            yield from _step(step)
        if numbers[chain.milestone] == 1:
            written.setdefault(steps, chain.milestone)
            lengths.add(len(steps))


def _compared_part(step: ChainStep) -> ChainStep:
    """Return the step without lines, instruction, and a pointer of unknown origin."""
    pointer = step.pointer if step.pointer and step.pointer.outcome is PointerOutcome.EXPLAINED else None
    if pointer is not None:
        set_by = tuple(GraphPointerOrigin(s.what, s.name, s.function, "", 0) for s in pointer.set_by)
        pointer = GraphPointer(pointer.kind, pointer.name, pointer.outcome, "", set_by)
    return ChainStep(step.function, step.kind, _place(step.function, step.defined_in or step.file), 0, "", pointer)


def _step(step: ChainStep) -> Iterator[str]:
    arrow = f"{call_arrow(step.kind)} " if step.kind else ""
    name = step.function.name
    yield f"  {arrow}{json.dumps(name) if name in _KEYWORDS else _word(name)} {_word(step.file)}"
    if step.pointer is not None:
        yield f"       through {step.pointer.kind} {_word(step.pointer.name)}"
        for origin in step.pointer.set_by:
            yield f"       {origin.what} {_word(origin.name)} {_word(origin.function)}"


def _off_chain(graph: CallGraph) -> Iterator[str]:
    on_chains = {step.function for chain in graph.chains for step in chain.steps}
    files = {node.function: _place(node.function, node.file) for node in graph.nodes}
    outermost = {node.function for node in graph.nodes if node.outermost}
    kernel = {call.callee for call in graph.calls if call.kind in KERNEL_CALL_KINDS}
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
        if call.kind not in KERNEL_CALL_KINDS and (call.caller, call.callee) not in edges
    ]


def _ioctls(graph: CallGraph) -> Iterator[str]:
    threads = dict.fromkeys(ioctl.thread for ioctl in graph.ioctls)
    for thread in threads:
        yield f"\nioctls on {_phrase(thread)}"
        issued = dict.fromkeys((ioctl.request, ioctl.file) for ioctl in graph.ioctls if ioctl.thread == thread)
        yield from (f"  {_word(request)} {_word(file)}" for request, file in issued)


def _place(function: Function, file: str) -> str:
    """Return the file of a function, `[libc]` for a library, `(pc_piix)` when only the stem is known."""
    if function.where.startswith("["):
        return function.where
    return file if PurePosixPath(file).stem == function.where else f"({function.where})"


def _phrase(text: str, reserved: str = "") -> str:
    """Return the text, as a JSON string when it contains a reserved or unprintable character."""
    is_plain = text.isprintable() and text == text.strip() and not text.startswith('"')
    return text if is_plain and not set(text) & set(reserved) else json.dumps(text)


def _word(text: str) -> str:
    return text if _UNQUOTED.fullmatch(text) and text.isprintable() else json.dumps(text)
