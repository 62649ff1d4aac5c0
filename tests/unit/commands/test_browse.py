"""`analyze browse`: driven by Textual's pilot, which presses keys as a user does."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import DataTable, Static, TabbedContent, Tree

from analyzer.cli import main
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.merge import graph_of
from analyzer.inputs import load_reference
from reports.browse.app import BrowseApp
from reports.browse.content import Content
from tests.support.exports import example, large, named

SECOND_CHAIN = ("space", "down", "space")  # closes the first chain, and opens the second


def content(recording) -> Content:
    return Content("out", graph_of(recording), recording)


def browse(shown: Content, *keys: str):
    """Return what `look` collects after each of `keys`."""

    async def driven():
        app = BrowseApp(shown)
        async with app.run_test(size=(160, 48)) as pilot:
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
            return look(app)

    return asyncio.run(driven())


def look(app: BrowseApp) -> dict[str, object]:
    """Return what is on the screen, as text."""

    def rows(name):
        table = app.query_one(f"#{name}", DataTable)
        return [tuple(cell.plain for cell in table.get_row_at(number)) for number in range(table.row_count)]

    tree = app.query_one("#chains", Tree)
    return {
        "tab": app.query_one(TabbedContent).active,
        "chains": [(str(node.label), [str(step.label) for step in node.children]) for node in tree.root.children],
        "callers": rows("callers"),
        "callees": rows("callees"),
        "functions": rows("function-table"),
        "ioctls": rows("ioctl-table"),
        "focus": str(app.query_one("#focus", Static).visual),
        "details": str(app.query_one("#detail-text", Static).visual),
        "filtering": app.query_one("#filter").has_class("shown"),
    }


def test_the_first_chain_is_open_and_its_arrow_keys_show_each_function_with_its_pointer():
    shown = content(example())
    assert browse(shown, "down")["details"].startswith("main\n")
    screen = browse(shown, *SECOND_CHAIN, "down", "down", "down")
    heading, steps = screen["chains"][1]
    assert heading == "The goal (main thread, 3 functions)"
    assert [step.split()[:2] for step in steps[1:]] == [[">", "accel_init"], ["*>", "goal"]]
    assert screen["details"].startswith("goal\n")
    assert "through AccelClass.init_machine" in screen["details"]
    assert "its caller calls through a pointer" in screen["details"]


def test_enter_and_backspace_walk_through_callers_and_callees():
    shown = content(example())
    accel_init = browse(shown, *SECOND_CHAIN, "down", "down", "g")
    assert accel_init["tab"] == "graph"
    assert accel_init["focus"].endswith("accel_init")
    assert [row[:3] for row in accel_init["callers"]] == [(">", "main", "5")]
    assert [row[:3] for row in accel_init["callees"]] == [("*>", "goal", "5")]
    goal = browse(shown, *SECOND_CHAIN, "down", "down", "g", "enter")
    assert goal["focus"].endswith("goal")
    assert goal["callees"] == []
    back = browse(shown, *SECOND_CHAIN, "down", "down", "g", "enter", "backspace")
    assert back["focus"].endswith("accel_init")


def test_the_counts_are_those_of_the_graph():
    shown = content(example())
    frames = {node.function.name: str(node.frames) for node in shown.graph.nodes}
    screen = browse(shown, "3")
    assert screen["tab"] == "functions"
    assert {name: count for name, _, count in screen["functions"]} == frames


def test_the_filter_shows_the_functions_that_contain_a_text_and_escape_shows_all():
    shown = content(example())
    filtered = browse(shown, "slash", *"CCEL")
    assert [name for name, _, _ in filtered["functions"]] == ["accel_init"]
    assert filtered["filtering"]
    unfiltered = browse(shown, "slash", *"CCEL", "escape")
    assert len(unfiltered["functions"]) == len(shown.graph.nodes)
    assert not unfiltered["filtering"]


def test_the_ioctls_are_listed_and_the_selected_one_is_decoded():
    screen = browse(content(example()), "4", "down")
    assert [row[3] for row in screen["ioctls"]] == ["KVM_CREATE_VM", "KVM_RUN", "KVM_RUN", "KVM_RUN"]
    assert screen["details"].startswith("KVM_RUN\n")
    assert "descriptor: 12, vcpu, anon_inode:kvm-vcpu:0" in screen["details"]


@pytest.mark.parametrize("name", ["[bold red]x", "a\x1b[31mb", "\u202egoal", "x" * 10_000, "[/]", "</script>"])
def test_hostile_names_stay_text(name):
    screen = browse(content(named(name)), "down", "down", "g")
    expected = name.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert screen["focus"] == f"▶ {expected}"
    assert screen["details"].startswith(expected[:50])


def test_imported_backtraces_and_graphs_without_chains_are_shown():
    reference = load_reference("reference:1.6.0")
    screen = browse(content(reference), "down")
    assert screen["chains"][0][1][0].split()[0] == "main"
    assert screen["ioctls"] == []
    graph = graph_of(example())
    bare = CallGraph(graph.provenance)
    for node in graph.nodes:
        bare.put(node)
    screen = browse(Content("graph.json", bare, None), "3", "enter")
    assert screen["tab"] == "graph"


def test_only_the_first_rows_of_a_large_table_are_made_and_the_filter_finds_the_others():
    shown = content(large(stops=900, stacks=900, depth=12))
    assert len(shown.graph.nodes) > 50
    screen = browse(shown, "slash", *"f11_11")
    assert [name for name, _, _ in screen["functions"]] == ["f11_11"]


def test_without_a_terminal_the_verbs_for_pipes_are_named(capsys):
    assert main(["browse", "reference:1.6.0"]) == 2
    assert "analyze summary reference:1.6.0" in capsys.readouterr().err
