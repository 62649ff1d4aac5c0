"""The report page: its data, and that texts of the program under test stay texts."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

import reports
from analyzer.graph.merge import merge
from analyzer.model.frames import Function, Stack
from gdbscripts.call_kinds import CallKind
from gdbscripts.records import MilestoneRecord
from reports.html.document_builder import DocumentBuilder, page_text
from reports.html.page_document import page_document
from reports.html.page_schema import TABLES
from reports.html.render import inline_svg, render
from tests.support.notation import recording
from tests.support.pages import Elements, assert_contacts_nobody, document_rows, embedded_document

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def document(*lines, recorded=None):
    recorded = recorded or recording(*(lines or ("main > a *> goal",)))
    return page_document(merge([recorded]), [recorded])


def story(shown):
    """The steps of each chapter of a document: function, kind of its call, place and arguments."""
    steps, kinds = document_rows(shown, "steps"), document_rows(shown, "call_kinds")
    return [
        [
            (
                steps[step]["name"],
                kinds[steps[step]["kind"]]["kind"] if steps[step]["kind"] >= 0 else "root",
                f"{steps[step]['file']}:{steps[step]['line']}",
                steps[step]["arguments"],
            )
            for step in chapter["steps"]
        ]
        for chapter in document_rows(shown, "chapters")
    ]


def test_the_story_says_how_each_function_is_called():
    [steps] = story(document())
    assert [step[:2] for step in steps] == [("main", "root"), ("a", "direct"), ("goal", "indirect")]
    assert steps[0][2] == "hw/main.c:10"
    assert steps[1][3] == "value=1"
    kinds = document_rows(document(), "call_kinds")
    assert {each["kind"]: each["sentence"] for each in kinds}["indirect"] == "calls through a pointer"


def test_each_source_line_of_the_recording_is_in_the_page_once():
    recorded = replace(
        recording("main > goal"), sources={"hw/main.c": {9: "{", 10: "  goal();", 11: "}", 40: "far"}}
    )
    excerpts = document_rows(document(recorded=recorded), "sources")
    assert [(each["file"], each["first"], each["lines"]) for each in excerpts] == [
        ("hw/main.c", 9, ["{", "  goal();", "}"]),
        ("hw/main.c", 40, ["far"]),
    ]


def test_an_incomplete_recording_is_reported():
    incomplete = document(recorded=recording("main > goal", complete=False))
    assert not incomplete["page"]["complete"]
    [problem, *_] = document_rows(incomplete, "problems")
    assert "Incomplete recording: the end record is missing" in problem["text"]


def test_a_milestone_that_is_not_reached_is_named_with_its_functions():
    missed = MilestoneRecord("far", "The far goal", True, ["far_fn"], [])
    absent = MilestoneRecord("removed", "A removed goal", True, [], ["old_fn", "new_fn"])
    recorded = recording("main > goal")
    recorded = replace(recorded, milestones=(*recorded.milestones, missed, absent))
    assert [row["text"] for row in document_rows(document(recorded=recorded), "problems")] == [
        "Never reached: The far goal (far_fn).",
        "Not in this program: A removed goal (none of old_fn, new_fn).",
    ]


def test_a_graph_alone_gives_a_report():
    graph = merge([recording("main > a *> goal")])
    alone = page_document(graph, [], notes=("The input is a graph.",))
    assert [step[0] for step in story(alone)[0]] == ["main", "a", "goal"]
    assert document_rows(alone, "runs") == []
    assert "The input is a graph." in embedded_document(render(alone))["strings"]


def evil_page():
    recorded = recording("main > goal")
    frames = tuple(
        replace(f, function=Function(EVIL, EVIL), name=EVIL, file=EVIL, instruction=EVIL)
        for f in recorded.stops[0].frames
    )
    milestone = replace(recorded.milestones[0], title=EVIL, about=EVIL)
    return document(
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
    assert tags.count("style") == 1
    assert "<script>alert" not in html


def test_the_data_in_the_page_is_the_data_of_the_graph():
    shown = embedded_document(render(evil_page()))
    assert EVIL in [function["name"] for function in document_rows(shown, "functions")]


def test_controls_that_reverse_the_text_around_them_are_shown_as_escapes():
    name = "kvm_\u202etini_"
    assert page_text(name) == "kvm_\\u202etini_"
    assert page_text("line\n\tend \x1b[0m") == "line\n\tend \\x1b[0m"


def test_the_policy_allows_the_script_and_the_style_of_the_page_and_no_other():
    html = render(document())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    allowed = re.findall(r"sha256-([^']+)", policy[1])
    script = html.rsplit("<script>", 1)[1].split("</script>")[0]
    style = html.split("<style>", 1)[1].split("</style>")[0]
    assert allowed == [b64encode(sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert "unsafe" not in policy[1]


def test_the_page_needs_no_network_and_forbids_it():
    assert_contacts_nobody(render(document()))


@pytest.mark.parametrize("svg", ["", "<?xml version='1.0'?>\n<!DOCTYPE svg>\n<svg><g/></svg>"])
def test_the_svg_is_embedded_without_its_prologue(svg):
    assert inline_svg(svg) == ("<svg><g/></svg>" if svg else "")


def test_every_call_kind_has_a_sentence_of_its_own():
    lines = [f"main {arrow} goal" for arrow in (">", "*>", "t>", "i>", "s>", "$>", "k>", "d>", ".>", "?>")]
    sentences = set()
    for line in lines:  # of one program each: in one that has jumps not every pointer leads straight there
        shown = document(line)
        kinds = document_rows(shown, "call_kinds")
        sentences |= {kinds[call["kind"]]["sentence"] for call in document_rows(shown, "calls")}
    assert len(sentences) == len(lines) == len(CallKind) - 1


def test_the_readme_lists_the_tables_and_columns_of_the_document():
    text = (Path(reports.__file__).parent / "web" / "README.md").read_text()
    for table, columns in TABLES.items():
        section = text.split(f"\n### {table}\n")[1].split("\n#")[0]
        listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\|$", section, re.MULTILINE)
        assert listed == [(name, kind.value, description) for name, (kind, description) in columns.items()], table


def test_a_row_with_other_values_than_its_columns_is_refused():
    with pytest.raises(ValueError, match="facts: \\['run', 'value'\\]"):
        DocumentBuilder().add("facts", name="a")


def test_equal_stacks_and_their_outer_frames_are_in_the_document_once():
    shown = document("main > a > goal", "main > a > goal", "main > b > goal")
    stacks, frames = document_rows(shown, "stacks"), document_rows(shown, "frames")
    [first, again, second] = document_rows(shown, "stops")

    def names(node):
        return [frames[stacks[node]["frame"]]["name"], *names(stacks[node]["parent"])] if node >= 0 else []

    assert names(first["stack"]) == ["goal", "a", "main"]
    assert names(second["stack"]) == ["goal", "b", "main"]
    assert again["stack"] == first["stack"]
    assert len(stacks) == 5
