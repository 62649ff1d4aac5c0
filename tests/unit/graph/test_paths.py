"""Paths: the recorded ones, and those that are put together from several stacks."""

from __future__ import annotations

import pytest

from analyzer.graph.merge import merge
from analyzer.graph.paths import PathFinder
from tests.support.graphs import path_text, query
from tests.support.notation import recording
from tests.unit.graph.test_call_graph import thread_recording


def found(lines, shortest=False, only_recorded=False, **asked):
    finder = PathFinder(merge([recording(*lines)]), query(**asked))
    ways = finder.shortest if shortest else finder.all
    paths = list(map(path_text, ways(only_recorded)))
    assert not finder.limit_reached
    return paths


CROSSING = ["main > a > x > b > goal", "main > c > x > d > goal"]
RECORDED_FIRST = [
    "main > a > x > b > goal (recorded)",
    "main > c > x > d > goal (recorded)",
    "main > a > x > d > goal",
    "main > c > x > b > goal",
]
TABLE = [
    # lines, what is asked, answer
    (["main > goal"], {}, ["main > goal (recorded)"]),
    (["main > a", "b > goal"], {}, []),
    (["goal > main"], {}, []),
    (CROSSING, {}, RECORDED_FIRST),
    (CROSSING, {"only_recorded": True}, RECORDED_FIRST[:2]),
    (CROSSING, {"via": ["a", "d"]}, RECORDED_FIRST[2:3]),
    (CROSSING, {"via": ["a", "d"], "only_recorded": True}, []),
    (CROSSING, {"via": ["d", "a"]}, RECORDED_FIRST[2:3]),
    (CROSSING, {"via": ["a|d"]}, RECORDED_FIRST[:3]),
    (CROSSING, {"via": ["main", "goal"]}, RECORDED_FIRST),
    (CROSSING, {"not_via": ["a"]}, [RECORDED_FIRST[1], RECORDED_FIRST[3]]),
    (CROSSING, {"not_via": ["a", "b"]}, RECORDED_FIRST[1:2]),
    (CROSSING, {"not_via": ["x"]}, []),
    (CROSSING, {"not_via": ["goal"]}, []),
    (CROSSING, {"start": "a|b", "goal": "x|goal", "shortest": True}, [
        "a > x > b > goal (recorded)", "a > x > d > goal", "b > goal (recorded)", "a > x (recorded)"]),
    # a short way that is put together, and the real one
    (["main > a > b > c > goal", "main > c"], {},
     ["main > a > b > c > goal (recorded)", "main > c > goal"]),
    (["main > a > b > c > goal", "main > c"], {"shortest": True}, ["main > c > goal"]),
    (["main > a > b > c > goal", "main > c"], {"shortest": True, "only_recorded": True},
     ["main > a > b > c > goal (recorded)"]),
    (["main > a > goal", "main > goal"], {"shortest": True, "only_recorded": True}, ["main > goal (recorded)"]),
    # kinds
    (["main > a *> goal", "main > a > goal"], {}, ["main > a > goal (recorded)", "main > a *> goal (recorded)"]),
    (["main > a *> goal", "main > a > goal"], {"kinds": ["indirect"]}, ["main > a *> goal (recorded)"]),
    (["main > a *> goal", "main > a > goal"], {"only_kinds": ["direct"]}, ["main > a > goal (recorded)"]),
    (["main t> a > goal", "main > a i> goal"], {"kinds": ["tail", "inline"]}, ["main t> a i> goal"]),
    (["main t> a > goal", "main > a i> goal"], {"kinds": ["tail,inline"]},
     ["main > a i> goal (recorded)", "main t> a > goal (recorded)", "main t> a i> goal"]),
    (["main t> a > goal", "main > a i> goal"], {"only_kinds": ["tail,inline"]}, ["main t> a i> goal"]),
    (["main t> a > goal", "main > a i> goal"], {"only_kinds": ["tail", "inline"]}, ["main t> a i> goal"]),
    # recursion: as recorded, else no function twice; a way back to the beginning is one
    (["main > f > g > f > goal"], {},
     ["main > f > g > f > goal (recorded)", "main > f > goal"]),
    (["main > f > g > f > goal"], {"via": ["g"], "shortest": True}, ["main > f > g > f > goal (recorded)"]),
    (["main > f > g > f > goal", "main > h > i > j", "j > g2 > goal"], {"via": ["g2?"], "shortest": True},
     ["main > f > g > f > goal (recorded)"]),
    (["main > f > g > f > goal"], {"start": "f", "goal": "f"}, ["f > g > f (recorded)"]),
    (["main > f > f"], {"start": "f", "goal": "f"}, ["f > f (recorded)"]),
    (["f > g", "g > f"], {"start": "f", "goal": "f"}, ["f > g > f"]),
    (["f > g", "g > f"], {"start": "f", "goal": "f", "via": ["g"], "kinds": ["indirect"]}, []),
    # nobody saw what is documented
    (["main > ioctl d> goal"], {}, ["main > ioctl d> goal"]),
    # twins
    (["main > f@one > goal", "main > f@two > goal"], {"via": ["one:f"]}, ["main > f > goal (recorded)"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "asked", "answer"), TABLE)
def test_what_is_asked_is_what_is_found(lines, asked, answer):
    assert found(lines, **asked) == answer


def test_each_pair_has_its_shortest_before_any_has_longer_ones():
    lines = ["main > a", "a > near", "main > b", "b > a", "main > c", "c > d", "d > e", "e > far"]
    assert found(lines, goal="near|far")[:4] == [
        "main > c > d > e > far", "main > a > near", "main > b > a > near",
    ]  # fmt: skip


def test_a_path_goes_on_in_a_thread_that_was_started():
    finder = PathFinder(merge([thread_recording()]), query())
    assert list(map(path_text, finder.all())) == ["main > start => run > goal (recorded)"]
