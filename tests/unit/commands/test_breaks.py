"""--break with globs: what is refused, what is asked, and what is printed while hundreds of functions are hit."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.adapters.debug_files import DebugFiles
from analyzer.adapters.qemu import QemuFacts
from analyzer.cli import main
from analyzer.commands import break_selection
from analyzer.commands.break_selection import select_breaks
from analyzer.commands.parser import MANY_BREAKPOINTS
from analyzer.console import Console
from analyzer.errors import UsageError
from analyzer.graph.merge import merge
from analyzer.recording.break_functions import BreakSelection
from analyzer.recording.break_patterns import parse_break
from analyzer.recording.progress import MilestoneReached
from analyzer.recording.request import RecordingOptions
from analyzer.recording.scenarios import break_step
from gdbscripts.records import MilestoneRecord
from tests.support import notation
from tests.support.pages import page_rows


def milestone(function: str, pattern: str = "") -> MilestoneRecord:
    return MilestoneRecord(f"break {function}", f"Asked for: {function}", False, [function], [], pattern=pattern)


@pytest.mark.parametrize("verb", ["startup", "io"])
def test_a_limit_without_a_function_to_limit_is_refused(verb, capsys):
    assert main([verb, "--qemu", "/bin/ls", "--break-limit", "3"]) == 2
    assert "--break-limit needs --break or --break-calls-of" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--break-calls-of=kvm_*", "--break=file:", "--break=kvm_* if 1"])
def test_what_is_neither_a_function_nor_a_glob_is_refused(option, capsys):
    assert main(["startup", "--qemu", "/bin/ls", option]) == 2
    assert "is not" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def qemu() -> QemuFacts:
    path = Path("/opt/qemu")
    return QemuFacts(
        path=path, version="9", build_id="", firmware=(), has_firmware=True, names_threads=True,
        debug_files=DebugFiles(path, path),
    )  # fmt: skip


def select(monkeypatch: pytest.MonkeyPatch, qemu: QemuFacts, places: int, yes: bool = False) -> str:
    selection = BreakSelection(parse_break("*"), (break_step("f", 0), break_step("g", 0)), places)
    monkeypatch.setattr(break_selection, "select_functions", lambda *_: [selection])
    printed = io.StringIO()
    select_breaks(RecordingOptions(breaks=("*",)), (), qemu, None, yes, Console(printed))
    return printed.getvalue()


def test_how_many_functions_it_is_is_told_first(monkeypatch, qemu):
    assert select(monkeypatch, qemu, 2) == "--break '*' records 2 functions\n"


def test_very_many_breakpoints_need_an_agreement(monkeypatch, qemu):
    assert select(monkeypatch, qemu, MANY_BREAKPOINTS)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match=r"2,001 breakpoints") as error:
        select(monkeypatch, qemu, MANY_BREAKPOINTS + 1)
    assert "--yes" in error.value.hint
    assert select(monkeypatch, qemu, MANY_BREAKPOINTS + 1, yes=True)


@pytest.mark.parametrize(("answer", "agrees"), [("y", True), ("yes", True), ("", False), ("n", False)])
def test_on_a_terminal_it_is_asked(answer, agrees, monkeypatch, qemu):
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("builtins.input", lambda _: answer)
    if agrees:
        assert select(monkeypatch, qemu, 100000)
        return
    with pytest.raises(UsageError):
        select(monkeypatch, qemu, 100000)


def test_functions_of_a_glob_do_not_flood_the_progress():
    printed = io.StringIO()
    console = Console(printed)
    for number in range(300):
        console.reached(MilestoneReached(milestone(f"kvm_{number}", "kvm_*"), f"kvm_{number}", 0.5, 3))
    console.reached(MilestoneReached(milestone("object_new"), "object_new", 0.5, 3))
    assert printed.getvalue().count("\n") == 1
    terminal = Terminal()
    console = Console(terminal)
    for number in range(300):
        console.reached(MilestoneReached(milestone(f"kvm_{number}", "kvm_*"), f"kvm_{number}", 0.5, 3))
    assert "functions of --break 'kvm_*' hit so far" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()


def test_the_report_has_one_row_for_a_glob():
    recording = notation.recording("main > goal")
    functions = [milestone(f"kvm_{number}", "kvm_*") for number in range(300)]
    stops = tuple(
        replace(recording.stops[0], milestones=(f"break kvm_{number}",), function=f"kvm_{number}", number=number)
        for number in range(7)
    )
    recording = replace(recording, milestones=(*recording.milestones, *functions), stops=stops)
    rows = page_rows("milestones", merge([recording]), [recording])
    assert [row["title"] for row in rows] == ["The goal", "7 of 300 functions that kvm_* matches"]
    assert rows[1]["function"] == "kvm_0, kvm_1, kvm_2, kvm_3, kvm_4 and 2 more"
    assert rows[1]["time"] is not None
