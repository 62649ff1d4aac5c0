"""Text of strangers: no crash, no hang, and memory that does not grow with it."""

from __future__ import annotations

import sys
import time
import tracemalloc
from itertools import islice

import pytest

from analyzer.cli import main
from analyzer.errors import AnalyzerError
from analyzer.imports import perf_script, stacks
from analyzer.imports.reading import import_text, recording_from_text
from analyzer.imports.records import Origin
from tests.pasted import imported, unread

FRAME = "#0  f (a=1) at a.c:1\n"
MILLION = 1_000_000


def strings(*texts):
    return [pytest.param(text, id=name) for name, text in texts]


@pytest.mark.parametrize(
    "text",
    strings(
        ("opening", "#1  f " + "(" * MILLION),
        ("opening, short", "#1  f " + "(" * 60_000),
        ("pairs", "#1  f " + "() " * 20_000),
        ("places", "#1  f " + "() at " * 10_000),
        ("quotes", "#1  f (a=" + '"' * 60_001),
        ("backslashes", '#1  f (a="' + "\\" * 60_001),
        ("apostrophes", "#1  f (a=" + "'" * 60_001),
        ("templates", "#1  f" + "<" * 60_000 + '" (a=1)'),
        ("commas", "#1  f (a=1" + ", " * 30_000 + ")"),
        ("spaces", "#1" + " " * 60_000 + "f"),
        ("dashes", "-" * MILLION + "Type <"),
        ("escapes", "\x1b[" * 100_000 + "\n" + "\x1b]" * 100_000),
        ("our heading", "== x (" + "a, " * 300_000 + ")"),
        ("a thread", "Thread 1 (" + "(" * MILLION),
        ("digits", "#" + "1" * MILLION + " f () at a.c:" + "1" * 60_000),
        ("broken over many lines", "#1  f (\n" * 3 + "a=1,\n" * 100_000),
        ("perf", "x " * 100_000 + "1.0:\n\t1 f (a)\n" + "\t" * MILLION + "\n"),
        ("folded", "a;" * MILLION + "b 3\n"),
        ("mi", "^done,stack=" + "[" * MILLION),
        ("mi names", "^done,stack=[" + "a=" * MILLION),
        ("locals", FRAME + "  a = " + "{" * 60_000 + "\n"),
        ("prompts", "(gdb) " * 100_000 + "\n" + "> " * 100_000),
    ),
)
def test_time_is_linear(text):
    began = time.process_time()
    recording_from_text([FRAME, *text.splitlines(keepends=True)], "hostile", "")
    for text_format in ("gdb", "mi", "perf", "folded"):
        lines = iter([FRAME, *text.splitlines(keepends=True)])
        try:
            recording_from_text(lines, "hostile", text_format)
        except AnalyzerError as error:
            assert "no backtrace" in error.message
    assert time.process_time() - began < 20  # what is quadratic takes hours


def test_a_recursion_of_two_thousand_frames_is_whole():
    text = "".join(f"#{n}  0x01 in f (n={n}) at a.c:1\n" for n in range(2000))
    recording = imported(text)
    assert len(recording.stops[0].frames) == 2000
    assert recording.notes == ()


def test_control_characters_reach_no_terminal():
    recording = imported("#0  f\0\x07 (a=\x1b[2J1) at a\u202e.c:1\n\x1b]0;evil\x07\x00rubbish\x9b1m\n")
    text = str(recording)
    assert all(char not in text for char in ("\x1b", "\x07", "\x00", "\x9b", "\u202e"))
    assert unread(recording) == ["1 line could not be read: line 2: rubbish."]


def samples(count):
    """`perf script` of a program whose stacks are all different."""
    for number in range(count):
        yield f"qemu 1/1 {number}.000000: cycles:\n"
        for level in range(8):
            yield f"\t{number + level:x} function_{(number * 7 + level) % 5000}+0x{level} (/bin/qemu)\n"
        yield "\n"


def test_memory_does_not_grow_with_the_text(monkeypatch):
    monkeypatch.setattr(perf_script, "_REMEMBERED", 500)

    def peak(count):
        tracemalloc.start()
        try:
            imported = import_text(samples(count), Origin("big"), "perf", distinct=100)
            assert imported.stacks == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(300)  # what is loaded once
    assert peak(5_000) < 1.5 * peak(1_000)


def test_different_stacks_beyond_the_limit_are_counted_and_said():
    imported = import_text(samples(1000), Origin("big"), distinct=100)
    assert imported.stacks == 1000
    notes = [record.text for record in imported.records if record.TAG == "note"]
    assert notes == [
        "There were more than 100 different stacks; 900 that came later are left out of everything here."
    ]


def test_of_very_many_frames_the_stacks_that_come_later_are_counted_and_said(monkeypatch):
    monkeypatch.setattr(stacks, "FRAMES", 80)
    imported = import_text(samples(30), Origin("big"))
    assert imported.stacks == 30
    assert len([record for record in imported.records if record.TAG == "stop"]) == 10


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bytes_that_are_no_text_are_no_traceback(here, capsys):
    (here / "x.txt").write_bytes(b"\xff\xfe\x00\x01" * 1000 + b"\n" + FRAME.encode() + b"\xc3\x28\n")
    assert main(["import", "x.txt"]) == 0
    (here / "y.txt").write_bytes(bytes(range(256)) * 100)
    assert main(["import", "y.txt"]) == 3
    assert "has no backtrace that could be read" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["missing.txt", "."])
def test_what_cannot_be_read_is_named(source, here, capsys):
    assert main(["import", source]) == 3
    assert f"{source} cannot be read" in capsys.readouterr().err


def test_a_line_without_end_is_cut_and_what_follows_is_read(here, capsys):
    with (here / "x.txt").open("w") as file:
        for _ in range(20):
            file.write("x" * MILLION)
        file.write("\n" + FRAME)
    assert main(["import", "x.txt"]) == 0
    captured = capsys.readouterr()
    assert "1 stack" in captured.out
    assert captured.err.startswith("analyze: 1 line could not be read: line 1: xxx")
    assert len(captured.err) < 1000


def test_at_a_terminal_it_is_said_what_to_do(here, capsys, monkeypatch):
    class Terminal:
        closed = False
        lines = iter([FRAME])

        def isatty(self):
            return True

        def reconfigure(self, **_):
            pass

        def readline(self, _limit):
            return next(self.lines, "")

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert main(["import", "-", "--name", "typed"]) == 0
    assert "press Ctrl-D" in capsys.readouterr().err
    assert (here / "callchain-import-typed" / "report.html").exists()


def test_the_samples_are_what_they_seem():
    assert len(list(islice(samples(3), 100))) == 30
