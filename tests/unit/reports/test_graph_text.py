"""The chains of a graph as text: gdb's layout, who created a thread, how a function was called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph, ChainStep, Provenance
from analyzer.graph.merge import graph_of
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind
from reports.text.graph import chains_about, chains_text
from tests.support.notation import recording


@pytest.fixture
def graph():
    """One chain: a thread is created in `start`, its `work` makes an ioctl, which the kernel serves."""
    made = graph_of(recording("main > start => run i> work t> ask > ioctl@[libc]"))
    (chain,) = made.chains
    kernel = ChainStep(Function("kvm_vcpu_ioctl", "[kernel]"), CallKind.SYSCALL, "", 0)
    made.chains = (replace(chain, thread="CPU 0/KVM", steps=(*chain.steps, kernel)),)
    return made


def test_a_chain_looks_as_gdb_prints_a_stack_and_says_who_created_the_thread(graph):
    (text,) = chains_text(graph)
    assert text == (
        "== The goal (CPU 0/KVM)\n"
        "#0  kvm_vcpu_ioctl () from [kernel]\n"
        "#1  ioctl () from [libc]\n"
        "#2  ask () at hw/main.c:18\n"
        "#3  work () at hw/main.c:16  [inlined]\n"
        "#4  run () at hw/main.c:14\n"
        "-- CPU 0/KVM was created by:\n"
        "#0  start () at hw/main.c:12\n"
        "#1  main () at hw/main.c:10\n"
    )


def test_a_function_that_left_by_a_jump_is_marked_as_in_a_recording():
    (text,) = chains_text(graph_of(recording("main > ask t> goal")))
    assert [line for line in text.splitlines() if "[tail call]" in line] == [
        "#1  ask () at hw/main.c:12  [tail call]"
    ]


@pytest.mark.parametrize("name", ["goal", "kvm_vcpu_ioctl", "ioctl"])
def test_a_chain_is_about_its_milestone_and_the_innermost_functions_on_both_sides_of_the_kernel(name, graph):
    assert len(chains_about(graph, name)) == 1


@pytest.mark.parametrize("name", ["main", "ask", "nobody"])
def test_a_chain_is_not_about_what_lies_on_its_way(name, graph):
    with pytest.raises(UsageError, match=f"No chain to {name}"):
        chains_about(graph, name)


def test_a_graph_without_chains_says_so():
    with pytest.raises(UsageError) as caught:
        chains_about(CallGraph(Provenance("", "", "", "", "", "", True)), "main")
    assert "It has chains to: nothing." in caught.value.hint
