"""Many stops with few distinct stacks: the work is done once for each distinct stack."""

from __future__ import annotations

from dataclasses import replace

import pytest

import analyzer.graph.chains
import analyzer.graph.merge
import analyzer.graph.milestone_chains
from analyzer.graph.call_graph import ChainStep
from analyzer.graph.chains import kernel_steps
from analyzer.graph.json_format import from_json, to_json
from analyzer.graph.merge import combine, graph_of
from analyzer.model.frames import IoctlAtStop, Stack
from analyzer.model.kvm import Ioctl, KernelEvent
from tests.support.notation import recording
from tests.support.pages import page_rows

LINES = ("main > a > b > goal", "main > a > c > goal", "main *> d > goal")


def repeated(times):
    """A recording in which each stack of LINES occurs `times` times, alternating, with its own arguments."""
    base = recording(*LINES)
    stops = [
        replace(stop, number=number * len(LINES) + stop.number, time=float(number), arguments=())
        for number in range(times)
        for stop in base.stops
    ]
    return replace(base, stops=tuple(stops))


def unshared(recorded):
    """The same recording with a stack object of its own for each stop."""
    return replace(recorded, stops=tuple(replace(s, stack=Stack(s.stack.frames)) for s in recorded.stops))


def test_a_stack_is_made_into_a_chain_once_however_often_it_occurs(monkeypatch):
    calls = []
    original = analyzer.graph.chains.own_chain

    def counted(stop, recorded):
        calls.append(stop.number)
        return original(stop, recorded)

    for module in (analyzer.graph.chains, analyzer.graph.merge, analyzer.graph.milestone_chains):
        monkeypatch.setattr(module, "own_chain", counted)
    graph_of(repeated(1))
    once = len(calls)
    graph_of(repeated(200))
    assert len(calls) == 2 * once


def test_the_graph_is_the_same_as_without_shared_stacks():
    graph = graph_of(repeated(5))
    graph.check()
    assert to_json(graph) == to_json(graph_of(unshared(repeated(5))))
    assert {call.hits for call in graph.calls if call.callee.name == "a"} == {10}


def test_equal_steps_of_chains_are_one_object():
    chains = graph_of(repeated(3)).chains
    steps: dict[ChainStep, int] = {}
    for chain in chains:
        for step in chain.steps:
            assert steps.setdefault(step, id(step)) == id(step)
    assert len(chains) == 3 and len(steps) < sum(len(chain.steps) for chain in chains)


def test_the_order_of_chains_is_that_of_their_length_and_text():
    lines = ["main > z > goal", "main > a > b > goal", "main > a > goal", "x > goal", "main *> a > goal"]
    chains = graph_of(recording(*lines)).chains
    keys = [(len(chain.steps), repr(chain.steps)) for chain in chains]
    assert keys == sorted(keys)
    assert [len(chain.steps) for chain in combine([graph_of(recording(line)) for line in lines]).chains] == [
        length for length, _ in keys
    ]


def at_ioctl(time):
    base = recording("main > goal")
    return replace(base.stops[0], time=time, ioctl=IoctlAtStop("KVM_RUN", 0xAE80, 9, "vcpu", None))


@pytest.mark.parametrize(
    ("time", "nearest"),
    [(0.0, "early"), (1.4, "early"), (1.5, "early"), (1.6, "late"), (2.2, "late"), (9.0, "last")],
)
def test_an_ioctl_of_a_stop_is_the_nearest_in_time(time, nearest):
    calls = [(1.0, 9, "early"), (1.5, 8, "other"), (2.0, 9, "late"), (2.0, 9, "second"), (5.0, 9, "last")]
    log = []
    for number, (when, fd, function) in enumerate(calls):
        event = KernelEvent(when, "kvm_exit", "", ("entry", function), 1)
        log.append(Ioctl(number, when, 1, fd, "vcpu", 0xAE80, 0, b"", b"", 0, Stack(), (event,)))
    stop = at_ioctl(time)
    recorded = replace(recording("main > goal"), stops=(stop,), ioctl_log=tuple(log))
    assert [step.function.name for step in kernel_steps(stop, recorded)] == [nearest]


def test_a_milestone_has_the_shortest_chains_and_the_graph_says_so(monkeypatch):
    monkeypatch.setattr(analyzer.graph.milestone_chains, "MOST_CHAINS", 3)
    lines = [f"main > {' > '.join(f'f{n}' for n in range(depth))} > goal" for depth in range(12, 1, -1)]
    graph = graph_of(recording(*lines))
    assert [len(chain.steps) for chain in graph.chains] == [4, 5, 6]
    assert graph.shortened == ("The goal",)
    assert graph.node(graph.chains[0].steps[0].function).frames == len(lines)
    again = from_json(to_json(graph), "graph.json")
    assert again.shortened == graph.shortened
    assert combine([graph, graph]).shortened == graph.shortened
    assert any(
        "The goal: the graph has the shortest chains" in row["text"] for row in page_rows("problems", graph)
    )
    assert "shortened" not in to_json(graph_of(recording(*lines[:3])))
