"""What `make matrix` says of a build with options of distributions that contradicts the plain one."""

from __future__ import annotations

from dataclasses import replace

from analyzer.graph.merge import merge
from analyzer.model.frames import Stack
from tests.bench.distribution_builds import contradictions
from tests.support.notation import recording

PLAIN = merge([recording("main > a > b")])


def test_a_function_that_the_optimiser_removed_is_no_contradiction():
    assert list(contradictions(merge([recording("main > b")]), PLAIN)) == []


def test_a_function_of_another_file_is_a_contradiction():
    base = recording("main > a > b")
    stop = base.stops[0]
    frames = (replace(stop.frames[0], defined_in="include/b.h"), *stop.frames[1:])
    graph = merge([replace(base, stops=(replace(stop, stack=Stack(frames)),))])
    assert list(contradictions(graph, PLAIN)) == ["b is defined in include/b.h instead of hw/main.c"]
