"""The report's data, and that nothing from the program under test gets out of its text."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from analyzer.graph.merge import merge
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import Function
from gdbscripts.records import MilestoneRecord
from reports.html.render import inline_svg, render
from reports.html.report_data import build_page
from tests.support.notation import recording
from tests.support.pages import Elements, assert_contacts_nobody

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def page(*lines, recorded=None):
    recorded = recorded or recording(*(lines or ("main > a *> goal",)))
    return build_page(merge([recorded]), [recorded], svg="")


def test_the_story_says_how_each_step_was_reached():
    chapter = page().chapters[0]
    assert [(step.function, step.kind) for step in chapter.steps] == [
        ("main", "root"),
        ("a", "direct"),
        ("goal", "indirect"),
    ]
    assert chapter.steps[2].words == "calls through a pointer"
    assert chapter.pointers == 1
    assert chapter.steps[0].place == "hw/main.c:10"
    assert chapter.steps[1].arguments == "value=1"


def test_source_lines_are_shown_where_the_recording_has_them():
    recorded = replace(
        recording("main > goal"), sources={"hw/main.c": {9: "{", 10: "  goal();", 11: "}", 40: "far"}}
    )
    lines = page(recorded=recorded).chapters[0].steps[0].source
    assert [(line.number, line.here) for line in lines] == [(9, False), (10, True), (11, False)]


def test_a_recording_cut_short_says_so():
    cut = replace(recording("main > goal", complete=False))
    assert not page(recorded=cut).complete
    assert "cut short" in page(recorded=cut).problems[0]


def test_a_milestone_never_reached_is_named_with_what_was_waited_for():
    missed = MilestoneRecord("far", "The far goal", True, ["far_fn"], [])
    absent = MilestoneRecord("gone", "A gone goal", True, [], ["old_fn", "new_fn"])
    recorded = recording("main > goal")
    recorded = replace(recorded, milestones=(*recorded.milestones, missed, absent))
    assert page(recorded=recorded).problems == (
        "Never reached: The far goal (far_fn).",
        "Not in this program: A gone goal (none of old_fn, new_fn).",
    )


def test_a_graph_alone_gives_a_report():
    graph = merge([recording("main > a *> goal")])
    alone = build_page(graph, [], svg="", svg_missing="graphviz is not installed")
    assert [step.function for step in alone.chapters[0].steps] == ["main", "a", "goal"]
    assert alone.runs == ()
    assert "graphviz is not installed" in render(alone)


def evil_page():
    recorded = recording("main > goal")
    frames = tuple(
        replace(
            f, function=Function(EVIL, EVIL), name=EVIL, file=EVIL, arguments=((EVIL, EVIL),), instruction=EVIL
        )
        for f in recorded.stops[0].frames
    )
    milestone = replace(recorded.milestones[0], title=EVIL, about=EVIL)
    return page(
        recorded=replace(
            recorded,
            stops=(replace(recorded.stops[0], frames=frames),),
            milestones=(milestone,),
            outputs={"serial": EVIL, "stderr": EVIL},
            notes=(EVIL,),
            header=replace(recorded.header, command=[EVIL], qemu_version=EVIL),
            sources={EVIL: {10: EVIL, 12: EVIL}},
        )
    )


def test_names_and_arguments_from_the_program_stay_text():
    html = render(evil_page())
    tags = Elements(html).tags
    assert "img" not in tags
    assert tags.count("script") == 2
    assert "<script>alert" not in html


def test_the_data_in_the_page_is_the_data_of_the_graph():
    html = render(evil_page())
    block = re.search(r'<script type="application/json" id="details">(.*?)</script>', html, re.DOTALL)
    assert block is not None
    assert EVIL in next(iter(json.loads(block[1]).values()))["name"]


def test_the_page_needs_no_network_and_forbids_it():
    assert_contacts_nobody(render(page()))


@pytest.mark.parametrize("svg", ["", "<?xml version='1.0'?>\n<!DOCTYPE svg>\n<svg><g/></svg>"])
def test_the_svg_goes_in_without_its_prologue(svg):
    assert inline_svg(svg) == ("<svg><g/></svg>" if svg else "")


def test_every_kind_has_words():
    lines = [f"main {arrow} goal" for arrow in (">", "*>", "t>", "i>", "s>", "$>", "k>", "d>", ".>", "?>")]
    pages = map(page, lines)  # of one program each: in one that has jumps not every pointer leads straight there
    words = [call["words"] for each in pages for d in each.details.values() for call in d["callees"]]
    assert len(set(words)) == len(lines) == len(CallKind) - 1
