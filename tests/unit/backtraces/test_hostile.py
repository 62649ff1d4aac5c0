"""Text of strangers: no crash, no hang, and memory that does not grow with it."""

from __future__ import annotations

import sys
import time
import tracemalloc
from itertools import chain, islice

import pytest

from analyzer.backtraces import importer, json_text, perf_script
from analyzer.backtraces.formats import FORMATS
from analyzer.backtraces.importer import StackCounter, import_text, recording_from_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.backtraces.stacks import ImportedFrame, ImportedStack
from analyzer.cli import main
from analyzer.errors import AnalyzerError
from tests.support.pasted import imported, unread

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
        ("stamps", "[12:00:01.123] " * 10_000 + "\n" + "2026-01-02T12:00:01Z " * 10_000),
        ("tsan", ("    #1 f " + "a:1 (" * 1000 + "\n") * 40 + "    #1 " + "a " * 30_000 + "<null> (\n"),
        (
            "tsan names",
            ("    #1 " + "a" * 6000 + " b:1 (b\n") * 20 + "  Write of size 4 at " + "0x1 at " * 9000 + ":\n",
        ),
        ("valgrind", ("==1==    by 0x1: f" + " (" * 2400 + "\n") * 40 + "==1== " + "by thread #" * 6000 + "\n"),
        ("eu-stack", ("#1  0x01 " + "- /" * 1600 + "\n") * 40 + "TID 1:\n" + "    " + "a:1" * 300 + ":\n" * 100),
        ("lldb", ("  frame #1: 0x01 p`f" + " at a:1" * 2000 + "\n") * 20 + "  frame #1: p`" + "f(" * 9000 + ")\n"),
        ("lldb marks", ("  frame #1: 0x01 p`f" + " [opt]" * 3000 + "\n") * 20 + "thread #1, " + "name = '" * 8000),
        (
            "crash",
            (" #1 [ffff0] " + "f" * 600 + " at 1" * 600 + "\n") * 100 + "PID: 1 TASK: " + " " * 60_000 + "\n",
        ),
        (
            "kernel",
            (" [<ffff>] " + "f+0x1/0x1" * 600 + "\n") * 100 + "CPU: 1 PID: 1 Comm: " + "a " * 30_000 + "\n",
        ),
        (
            "rust",
            ("  1: " + "a" * 9000 + "\n      at " + ":1" * 500 + ":\n") * 40 + "thread '" + "'" * 60_000 + "\n",
        ),
        ("go", ("a." + "a." * 1400 + "(" * 3000 + ")\n") * 40 + "goroutine 1 [" + "a" * 60_000 + "]:\n"),
        ("macos", ("0 a " + "0x1 0x1 " * 2000 + "+ 1 (a:\n") * 40 + "0  " + "a " * 30_000 + "+ 1\n"),
        ("backtrace", ("p(" + "f+0x" * 1400 + ") [0x1]\n") * 40 + "a+0x" * 1400 + "1\n"),
        ("bpftrace", "@[\n" + ("    " + "f+1" * 1600 + "\n") * 40 + ",\n" * 10_000 + "]: " + "1" * 60_000 + "\n"),
        ("json", '{"stacktrace": [{"frames": ' + "[" * MILLION + "\n"),
        ("json objects", '{"usedImages": ' + '{"threads": [' * 100_000 + "\n"),
        ("json numbers", '{"stacktrace": [{"frames": [{"address": ' + "1" * MILLION + "}]}]}\n"),
    ),
)
def test_time_is_linear(text):
    began = time.process_time()
    recording_from_text([FRAME, *text.splitlines(keepends=True)], "hostile", "")
    for text_format in FORMATS:
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
    monkeypatch.setattr(perf_script, "_CACHED_FRAMES", 500)

    def peak(count):
        tracemalloc.start()
        try:
            imported = import_text(samples(count), ImportOrigin("big"), "perf", max_distinct=100)
            assert imported.stacks == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(300)  # what is loaded once
    assert peak(5_000) < 1.5 * peak(1_000)


def kept(imported):
    return [record.count for record in imported.records if record.TAG == "stop"]


def test_different_stacks_beyond_the_limit_are_counted_and_said():
    imported = import_text(samples(1000), ImportOrigin("big"), max_distinct=100)
    assert imported.stacks == 1000
    assert kept(imported) == [1] * 100
    notes = [record.text for record in imported.records if record.TAG == "note"]
    assert notes == [imported.omitted]
    assert imported.omitted.startswith(
        "900 stacks after the first 100 different stacks are not imported: the size limit is reached"
    )


@pytest.mark.parametrize("limit", ["MAX_FRAME_TEXT", "MAX_CALL_TEXT"])
def test_what_is_kept_does_not_grow_with_the_text(limit, monkeypatch):
    monkeypatch.setattr(importer, limit, 5000)

    def amounts(count):
        imported = import_text(samples(count), ImportOrigin("big"))
        assert imported.stacks == count
        functions = {record.function for record in imported.records if record.TAG == "frame"}
        return len(kept(imported)), len(functions), len(imported.records)

    assert amounts(50) == amounts(400)
    assert 5 < amounts(50)[0] < 30


def test_long_names_take_the_room_of_many(monkeypatch):
    monkeypatch.setattr(importer, "MAX_CALL_TEXT", 10_000)

    def amount(name):
        text = (f"q 1/1 {n}.0:\n\t1 {name}{n} (/q)\n\t2 main (/q)\n\n" for n in range(500))
        return len(
            kept(import_text(chain.from_iterable(one.splitlines(True) for one in text), ImportOrigin("big")))
        )

    assert amount("f" * 1000) < 10
    assert amount("f") > 100


def test_arguments_take_room_as_well(monkeypatch):
    monkeypatch.setattr(importer, "MAX_FRAME_TEXT", 10_000)
    text = [f"#0  f (a={'1' * 2000}) at a.c:1\n"] * 20
    imported = import_text(text, ImportOrigin("big"))
    assert imported.stacks == 20
    assert imported.omitted.startswith("16 stacks after the first 4 stacks are not imported")


def test_a_call_takes_room_once(monkeypatch):
    monkeypatch.setattr(importer, "MAX_CALL_TEXT", 200)
    whole = StackCounter(merges_equal=True)
    for depth in range(2, 50):
        whole.add(ImportedStack((*[ImportedFrame("f")] * depth, ImportedFrame("main"))))
    assert len(whole.stacks) == 48


def test_the_stacks_that_created_threads_take_room(monkeypatch):
    monkeypatch.setattr(importer, "MAX_FRAME_TEXT", 1000)
    whole = StackCounter(merges_equal=False)
    for _ in range(10):
        whole.add(ImportedStack((ImportedFrame("f"),), creator=(ImportedFrame("g" * 300),)))
    assert len(whole.stacks) == 2


def test_nothing_is_remembered_of_stacks_that_are_left_out():
    whole = StackCounter(merges_equal=True, max_distinct=2)
    for number in range(50):
        whole.add(ImportedStack((ImportedFrame(f"f{number}"), ImportedFrame("main"))))
    assert (len(whole.stacks), whole.omitted) == (2, 48)
    assert len(whole._calls) == 3  # of the first that was left out as well


def test_a_stack_that_is_kept_goes_on_to_be_counted_when_others_are_left_out():
    twice = [*samples(3), *samples(3)]
    imported = import_text(twice, ImportOrigin("big"), max_distinct=2)
    assert kept(imported) == [2, 2]
    assert imported.omitted.startswith("2 stacks after")


def test_a_stack_that_alone_is_too_big_is_kept(monkeypatch):
    monkeypatch.setattr(importer, "MAX_FRAME_TEXT", 10)
    assert kept(import_text(samples(2), ImportOrigin("big"))) == [1]


def test_a_shorter_stack_does_not_slip_in_when_there_was_no_room_for_another(monkeypatch):
    monkeypatch.setattr(importer, "MAX_FRAME_TEXT", 700)
    short = ["qemu 1/1 9.0: cycles:\n", "\t1 f (/bin/qemu)\n", "\n"]
    imported = import_text([*samples(3), *short], ImportOrigin("big"))
    assert kept(imported) == [1] * 2
    assert imported.omitted.startswith("2 stacks")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bytes_that_are_no_text_are_no_traceback(here, capsys):
    (here / "x.txt").write_bytes(b"\xff\xfe\x00\x01" * 1000 + b"\n" + FRAME.encode() + b"\xc3\x28\n")
    assert main(["import", "x.txt"]) == 0
    (here / "y.txt").write_bytes(bytes(range(256)) * 100)
    assert main(["import", "y.txt"]) == 3
    assert "has no backtrace that can be read" in capsys.readouterr().err


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


def counted_stacks(count):
    """A map of bpftrace whose keys are all different."""
    yield "Attaching 1 probe...\n"
    for number in range(count):
        yield "@[\n"
        yield from (f"    function_{(number * 7 + level) % 5000}+{number}\n" for level in range(8))
        yield f", name, {number % 9}]: 3\n"


def test_memory_does_not_grow_with_a_map_of_stacks():
    def peak(count):
        tracemalloc.start()
        try:
            imported = import_text(counted_stacks(count), ImportOrigin("big"), max_distinct=100)
            assert imported.stacks == 3 * count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(300)  # what is loaded once
    assert peak(5_000) < 1.5 * peak(1_000)


def test_a_report_in_json_is_read_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(json_text, "_MAX_LENGTH", 1000)
    taken = 0

    def lines():
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield '{"stacktrace": 1}\n'

    with pytest.raises(AnalyzerError, match="no list of frames in this JSON"):
        import_text(lines(), ImportOrigin("big"))
    assert taken < 100
