"""The builds of `make matrix` with the options of distributions.

The optimiser may remove functions from the chains, and the machine code may not show the origin of a pointer; what
is recorded must not contradict the build without these options.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analyzer.graph.call_graph import CallGraph, GraphPointer, Node
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import PointerOutcome

RELEASE = "debian:7.2"
PROFILE = "release"


@dataclass(frozen=True)
class DistributionBuild:
    """Options for QEMU's configure, and a name for them."""

    name: str
    arguments: tuple[str, ...]


BUILDS = (
    DistributionBuild(
        "lto-hardened",
        ("--enable-lto", "--extra-cflags=-fcf-protection -fstack-clash-protection -D_FORTIFY_SOURCE=2"),
    ),
    DistributionBuild("split-dwarf", ("--extra-cflags=-gsplit-dwarf -gz",)),
    DistributionBuild("clang", ("--cc=clang",)),
)


def contradictions(graph: CallGraph, plain: CallGraph) -> Iterator[str]:
    """Sentences on what `graph` has otherwise than `plain`, the graph of a build without these options.

    A function that both have is defined in the same file; a pointer to a function that both explain is in the same
    slot, and no other function sets it.
    """
    files = {node.function.name: node.file for node in plain.nodes if not _is_in_library(node)}
    for node in (node for node in graph.nodes if not _is_in_library(node)):
        expected = files.get(node.function.name, node.file)
        if node.file != expected:
            yield f"{node.function.name} is defined in {node.file or 'an unknown file'} instead of {expected}"
    pointers = _explained(plain)
    for callee, pointer in _explained(graph).items():
        if callee not in pointers:
            continue
        if pointer.name != pointers[callee].name:
            yield f"{callee} is called through {pointer.name} instead of {pointers[callee].name}"
        for function in sorted(_setters(pointer) - _setters(pointers[callee])):
            yield f"{function} sets the pointer to {callee}"


def _explained(graph: CallGraph) -> dict[str, GraphPointer]:
    """Callee -> the pointer it is called through, when it is one and its origin is known."""
    return {
        call.callee.name: call.pointers[0]
        for call in graph.calls
        if call.kind is CallKind.INDIRECT
        and len(call.pointers) == 1
        and call.pointers[0].outcome is PointerOutcome.EXPLAINED
    }


def _is_in_library(node: Node) -> bool:
    """Whether the function is in a library or in the kernel."""
    return node.function.where.startswith("[")


def _setters(pointer: GraphPointer) -> set[str]:
    return {origin.function for origin in pointer.set_by if origin.function}
