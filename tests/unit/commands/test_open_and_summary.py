"""`analyze open`, `analyze completion`, and `analyze summary` on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from analyzer.adapters import browser
from analyzer.cli import main
from analyzer.graph.merge import graph_of
from reports.summary import summarize, summary_json
from reports.text.summary import plain_summary, rich_summary
from tests.support.exports import example
from tests.support.inputs import write_inputs


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The addresses that the browser was given; without a display there is none."""
    addresses = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: addresses.append(address) or True)
    monkeypatch.setattr(browser, "_DISPLAYS", ("A_DISPLAY",))
    monkeypatch.setenv("A_DISPLAY", ":0")
    monkeypatch.chdir(tmp_path)
    return addresses


def report(folder, age=0):
    folder.mkdir()
    (folder / "report.html").write_text("<!doctype html>")
    os.utime(folder / "report.html", (1000 - age, 1000 - age))
    return folder / "report.html"


def test_the_report_of_a_folder_or_a_page_is_opened_and_its_path_printed(opened, tmp_path, capsys):
    page = report(tmp_path / "a b")
    for name in ("a b", "a b/report.html"):
        assert main(["open", name]) == 0
        assert capsys.readouterr().out == f"{page}\n"
    assert opened == [page.as_uri()] * 2


def test_without_a_folder_the_newest_report_is_opened(opened, tmp_path, capsys):
    report(tmp_path / "callchain-old", age=10)
    new = report(tmp_path / "callchain-new")
    assert main(["open"]) == 0
    assert opened == [new.as_uri()]


def test_without_a_display_the_path_is_printed_and_no_browser_is_started(opened, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("A_DISPLAY")
    page = report(tmp_path / "out")
    assert main(["open", "out"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{page}\n"
    assert "no web browser was found" in printed.err
    assert opened == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ([], "No folder callchain-* here has a report."),
        (["empty"], "Write it: analyze report empty."),
        (["missing.html"], "Name an output folder or a page."),
    ],
)
def test_a_missing_report_is_an_error_with_the_next_step(arguments, hint, opened, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["open", *arguments]) == 3
    assert hint in capsys.readouterr().err
    assert opened == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_for_a_shell_is_printed_or_written(shell, tmp_path, capsys):
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "analyze" in printed
    assert main(["completion", shell, "-o", str(tmp_path / "new" / "file")]) == 0
    assert (tmp_path / "new" / "file").read_text() == printed


def test_the_summary_has_the_counts_of_the_recording():
    recording = example()
    graph = graph_of(recording)
    tables = json.loads(summary_json(summarize(graph, recording), graph.provenance))["tables"]
    assert [(it["thread"], it["tid"], it["stacks"], it["ioctls"]) for it in tables["threads"]] == [
        ("main thread", 100, 11, 1),
        ("CPU 0/KVM", 101, 1, 3),
    ]
    assert [(it["descriptor"], it["request"], it["count"]) for it in tables["ioctls"]] == [
        ("vcpu", "KVM_RUN", 3),
        ("system", "KVM_CREATE_VM", 1),
    ]
    assert [(it["milestone"], it["time"], it["thread"]) for it in tables["milestones"]] == [
        ("The goal", 0.25, "main thread")
    ]
    assert tables["exits"] == [{"reason": "KVM_EXIT_IO", "count": 7}]
    assert {it["kind"]: (it["calls"], it["hits"]) for it in tables["kinds"]}["call through a pointer"] == (1, 5)


def test_the_summary_is_plain_in_a_pipe_and_has_frames_and_colours_on_a_terminal(tmp_path, monkeypatch, capsys):
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["summary", "out"]) == 0
    plain = capsys.readouterr().out
    assert "\x1b" not in plain and "│" not in plain
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for colours in ("1", ""):
        monkeypatch.setenv("NO_COLOR", "" if colours else "1")
        monkeypatch.setenv("FORCE_COLOR", colours)
        assert main(["summary", "out"]) == 0
        drawn = capsys.readouterr().out
        assert "╭" in drawn
        assert ("\x1b[" in drawn) == bool(colours)
        assert "KVM_RUN" in drawn and "\\x1b" not in drawn


def test_both_forms_have_the_same_values():
    summary = summarize(graph_of(example()), example())
    plain, drawn = plain_summary(summary), rich_summary(summary, 200, False)
    for table in summary.tables:
        for row in table.rows:
            for value in row:
                text = f"{value:.3f}" if isinstance(value, float) else str(value)
                assert value is None or (text in plain and text in drawn)


def test_markup_of_rich_in_a_name_stays_text():
    base = example()
    named = replace(base, threads=tuple(replace(it, name="[red]x[/red] :smile:") for it in base.threads))
    assert "[red]x[/red] :smile:" in rich_summary(summarize(graph_of(named), named), 200, True)
