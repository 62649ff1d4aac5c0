"""The report page: its data, and that texts of the program under test stay texts."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from analyzer.graph.merge import merge
from analyzer.model.frames import Function, Stack
from gdbscripts.call_kinds import CallKind
from gdbscripts.records import MilestoneRecord
from reports.html.render import inline_svg, render
from reports.html.report_data import build_page
from tests.support.notation import recording
from tests.support.pages import Elements, assert_contacts_nobody

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def page(*lines, recorded=None):
    recorded = recorded or recording(*(lines or ("main > a *> goal",)))
    return build_page(merge([recorded]), [recorded], svg="")


def test_the_story_says_how_each_function_is_called():
    chapter = page().chapters[0]
    assert [(step.function, step.kind) for step in chapter.new_steps] == [
        ("main", "root"),
        ("a", "direct"),
        ("goal", "indirect"),
    ]
    assert chapter.new_steps[2].call_sentence == "calls through a pointer"
    assert chapter.indirect_calls == 1
    assert chapter.new_steps[0].place == "hw/main.c:10"
    assert chapter.new_steps[1].arguments == "value=1"


def test_source_lines_are_shown_where_the_recording_has_them():
    recorded = replace(
        recording("main > goal"), sources={"hw/main.c": {9: "{", 10: "  goal();", 11: "}", 40: "far"}}
    )
    lines = page(recorded=recorded).chapters[0].new_steps[0].source
    assert [(line.number, line.highlighted) for line in lines] == [(9, False), (10, True), (11, False)]


def test_an_incomplete_recording_is_reported():
    incomplete = replace(recording("main > goal", complete=False))
    assert not page(recorded=incomplete).complete
    assert "Incomplete recording: the end record is missing" in page(recorded=incomplete).problems[0]


def test_a_milestone_that_is_not_reached_is_named_with_its_functions():
    missed = MilestoneRecord("far", "The far goal", True, ["far_fn"], [])
    absent = MilestoneRecord("removed", "A removed goal", True, [], ["old_fn", "new_fn"])
    recorded = recording("main > goal")
    recorded = replace(recorded, milestones=(*recorded.milestones, missed, absent))
    assert page(recorded=recorded).problems == (
        "Never reached: The far goal (far_fn).",
        "Not in this program: A removed goal (none of old_fn, new_fn).",
    )


def test_a_graph_alone_gives_a_report():
    graph = merge([recording("main > a *> goal")])
    alone = build_page(graph, [], svg="", svg_missing="graphviz is not installed")
    assert [step.function for step in alone.chapters[0].new_steps] == ["main", "a", "goal"]
    assert alone.runs == ()
    assert "graphviz is not installed" in render(alone)


def evil_page():
    recorded = recording("main > goal")
    frames = tuple(
        replace(f, function=Function(EVIL, EVIL), name=EVIL, file=EVIL, instruction=EVIL)
        for f in recorded.stops[0].frames
    )
    milestone = replace(recorded.milestones[0], title=EVIL, about=EVIL)
    return page(
        recorded=replace(
            recorded,
            stops=(replace(recorded.stops[0], stack=Stack(frames), arguments=(((EVIL, EVIL),),) * len(frames)),),
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
    block = re.search(r'<script type="application/json" id="function-details">(.*?)</script>', html, re.DOTALL)
    assert block is not None
    assert EVIL in next(iter(json.loads(block[1]).values()))["name"]


def test_the_page_needs_no_network_and_forbids_it():
    assert_contacts_nobody(render(page()))


@pytest.mark.parametrize("svg", ["", "<?xml version='1.0'?>\n<!DOCTYPE svg>\n<svg><g/></svg>"])
def test_the_svg_is_embedded_without_its_prologue(svg):
    assert inline_svg(svg) == ("<svg><g/></svg>" if svg else "")


def test_every_call_kind_has_a_sentence_of_its_own():
    lines = [f"main {arrow} goal" for arrow in (">", "*>", "t>", "i>", "s>", "$>", "k>", "d>", ".>", "?>")]
    pages = map(page, lines)  # of one program each: in one that has jumps not every pointer leads straight there
    sentences = [
        call["sentence"]
        for each in pages
        for function in each.function_details.values()
        for call in function["callees"]
    ]
    assert len(set(sentences)) == len(lines) == len(CallKind) - 1
