"""Backtraces of many tools: each is recognised as itself, and read."""

from __future__ import annotations

import sys
from itertools import pairwise

import pytest

from analyzer.backtraces.formats import FORMATS, CleanLine
from analyzer.backtraces.importer import detect, import_text
from analyzer.backtraces.line_cleanup import LinePrefixes, clean_line, without_stamp
from analyzer.backtraces.records import ImportOrigin
from analyzer.backtraces.stacks import UnreadLines
from analyzer.cli import main
from analyzer.errors import AnalyzerError
from analyzer.inputs import InputKind, open_input
from tests.support.pasted import chains_in, imported, shown
from tests.unit.backtraces.samples import GDB, SAMPLES
from tests.unit.backtraces.test_cut import check_cut

CHECKED = [name for name, sample in SAMPLES.items() if sample.threads]
JSON = ("ips", "abrt")


def lines_of(text):
    return text.splitlines(keepends=True)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_text_is_recognised_as_what_it_is(name):
    assert detect(lines_of(SAMPLES[name].text)).format == SAMPLES[name].format


def test_every_format_has_a_sample():
    assert {sample.format for sample in SAMPLES.values()} == set(FORMATS)


def recognised_as(text):
    prefixes, seen = LinePrefixes(), []
    for line in text.splitlines():
        cleaned = clean_line(line)
        seen.append(CleanLine(cleaned, without_stamp(cleaned), prefixes.strip(cleaned)))
    return {
        name
        for previous, line in pairwise([CleanLine("", "", ""), *seen])
        for name, each in FORMATS.items()
        if each.recognises(previous, line)
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_no_line_of_a_text_is_typical_of_another_format(name):
    # Frames that begin with a number sign look like gdb's, which is asked last.
    assert recognised_as(SAMPLES[name].text) - {"gdb"} <= {SAMPLES[name].format}


@pytest.mark.parametrize("name", CHECKED)
def test_the_chains_and_threads_of_a_tool(name):
    sample = SAMPLES[name]
    recording = imported(sample.text)
    for (start, end), chain in zip(sample.chains, chains_in(sample.text), strict=True):
        assert chain.startswith(start)
        assert chain.endswith(end or start)
    assert tuple((thread.label, thread.tid) for thread in recording.threads) == sample.threads
    assert import_text(lines_of(sample.text), ImportOrigin("x")).unread.count == sample.unread


@pytest.mark.parametrize("name", CHECKED)
def test_what_show_prints_of_a_tools_stacks_is_read_back(name):
    text = shown(imported(SAMPLES[name].text))
    assert shown(imported(text + "\n")) == text  # show ends each stack with an empty line


STAMPS = {
    "journal": "Nov 28 12:00:01 host demo[71]: ",
    "journal with microseconds": "Nov 28 12:00:01.123456 host demo[71]: ",
    "time": "[12:00:01.123] ",
    "plain time": "15:20:00 ",
    "kernel": "[  812.345678] ",
    "kernel with task": "[  812.345678][ T4243] ",
    "docker": "2026-01-02T12:00:01.123456789Z ",
    "kubernetes": "2026-01-02T12:00:01.123456789Z stderr F ",
    "syslog of the kernel": "Jan  2 12:00:01 host kernel: [  812.345678] ",
    "journal as ISO": "2026-01-02T12:00:01+0100 host demo[71]: ",
    "logger": "[2026-01-02 12:00:01,123] ",
}


@pytest.mark.parametrize("stamp", STAMPS.values(), ids=STAMPS)
@pytest.mark.parametrize("name", [*(name for name in CHECKED if SAMPLES[name].format not in JSON), "gdb"])
def test_a_time_in_front_of_the_lines_changes_nothing(name, stamp):
    text = SAMPLES[name].text
    stamped = "".join(stamp + line for line in lines_of(text))
    assert shown(imported(stamped)) == shown(imported(text))


def test_each_stack_of_thread_sanitizer_has_its_heading_without_addresses():
    titles = [milestone.title for milestone in imported(SAMPLES["tsan of gcc"].text).milestones]
    assert titles == [
        "Read of size 4 by main thread",
        "Previous write of size 4 by thread T1",
        "Thread T1 created by main thread",
    ]


def test_each_stack_of_valgrind_has_its_heading_without_addresses():
    titles = [milestone.title for milestone in imported(SAMPLES["memcheck"].text).milestones]
    assert titles == [
        "Invalid read of size 4",
        "Address is 0 bytes after a block of size 16 alloc'd",
        "Address is 0 bytes inside a block of size 16 free'd",
        "Block was alloc'd at",
    ]


@pytest.mark.parametrize(
    ("name", "stop", "file", "line"),
    [
        ("tsan of clang", 0, "race.c", 3),
        ("memcheck", 0, "mem.c", 3),
        ("eu-stack -s -m -i", 1, "sysdeps/unix/sysv/linux/clock_nanosleep.c", 48),
        ("lldb", 0, "clock_nanosleep.c", 48),
        ("rust", 0, "std/src/panicking.rs", 689),
        ("go", 0, "disk/image.go", 12),
    ],
)
def test_source_lines_are_kept(name, stop, file, line):
    frame = imported(SAMPLES[name].text).stops[stop].frames[0]
    assert (frame.file, frame.line) == (file, line)


def test_arguments_of_lldb_are_kept():
    arguments = imported(SAMPLES["lldb"].text).stops[0].arguments
    assert arguments[3] == (("n", "30"),)
    assert arguments[6][0] == ("main", "(threads`main at threads.cpp:6:12)")


def test_lldb_marks_inlined_functions_and_tail_calls():
    text = (
        "* thread #2, name = 'CPU 0/KVM', stop reason = signal SIGSTOP\n"
        "  * frame #0: 0x01 prog`outer [inlined] inner(n=1) at a.c:3:5 [opt]\n"
        "    frame #1: 0x01 prog`outer at a.c:9:1 [opt]\n"
        "    frame #2: 0x02 prog`middle at a.c:12 [opt] [artificial]\n"
        "    frame #3: 0x03 prog`std::vector<int>::at(unsigned long) const + 12\n"
        "    frame #4: 0x04 prog`___lldb_unnamed_symbol1 + 3\n"
        "    frame #5: 0x05 libc.so.6`start_thread + 755\n"
    )
    assert chains_in(text)[0].endswith("std::vector<int>::at(unsigned long) const .> middle t> outer i> inner")
    assert [(thread.number, thread.label) for thread in imported(text).threads] == [(2, "CPU 0/KVM")]


def test_counts_of_bpftrace_are_hits():
    assert [stop.count for stop in imported(SAMPLES["bpftrace"].text).stops] == [5, 40, 7]


def test_a_map_of_bpftrace_without_a_count_is_no_stack():
    text = SAMPLES["bpftrace"].text + "@[\n    leaf+1\n    main+2\n"
    assert len(imported(text).stops) == 3


def test_frames_that_the_kernel_is_not_sure_of_are_left_out():
    text = SAMPLES["kernel"].text
    assert "__seccomp_filter" in text
    assert "__seccomp_filter" not in shown(imported(text))


def test_the_kernels_second_line_with_rip_is_no_stack():
    assert len(imported(SAMPLES["kernel"].text).stops) == 2


def test_a_trace_of_an_older_kernel_and_one_of_arm_are_read():
    old = "Call Trace:\n [<ffffffff815e98bd>] ? guess+0x10e/0x654\n [<ffffffff810610c0>] inner+0x70/0xa0 [kvm]\n"
    arm = "pc : inner+0x10/0x20 [kvm]\nlr : outer+0x1/0x2\nCall trace:\n inner+0x10/0x20 [kvm]\n outer+0x30/0x40\n"
    assert chains_in(old + " [<ffffffff8106113c>] outer+0x4c/0x50\n") == ["outer k> inner"]
    assert chains_in(arm) == ["outer k> inner"]


def test_the_kernels_frames_without_their_heading_are_read():
    assert chains_in(" inner+0x10/0x20 [kvm]\n ? guess+0x1/0x2\n outer+0x30/0x40\n") == ["outer k> inner"]


def test_a_kernel_oops_in_the_json_of_abrt_is_read():
    text = (
        '{"ureport_version": 2, "problem": {"type": "kerneloops", "frames": ['
        '{"function_name": "inner", "reliable": true}, {"function_name": "guess", "reliable": false},'
        ' {"function_name": "outer"}]}}\n'
    )
    assert chains_in(text) == ["outer k> inner"]


@pytest.mark.parametrize("name", ["macos, ips", "abrt"])
def test_every_reading_verb_takes_a_report_in_json(name, tmp_path):
    (tmp_path / "report.json").write_text(SAMPLES[name].text)
    assert open_input(str(tmp_path / "report.json")).kind is InputKind.BACKTRACE


def test_words_around_json_do_not_matter():
    assert chains_in("{noformat}\n" + SAMPLES["abrt"].text + "{noformat}\n") == chains_in(SAMPLES["abrt"].text)


@pytest.mark.parametrize(("above", "below", "other"), [("gdb", "kernel", "kernel"), ("kernel", "gdb", "gdb"),
                                                       ("gdb", "go", "go"), ("lldb", "perf script", "perf"),
                                                       ("memcheck", "gdb", "gdb")])  # fmt: skip
def test_of_two_tools_in_a_text_one_is_read_and_the_other_named(above, below, other):
    text = f"{SAMPLES[above].text}\n{SAMPLES[below].text}"
    recording = imported(text)
    assert [note for note in recording.notes if f"import the text once more with --format {other}" in note]
    first = set(shown(imported(SAMPLES[above].text)).splitlines())
    assert first <= set(shown(recording).splitlines())
    second = chains_in(SAMPLES[below].text)
    assert chains_in(text, other)[-len(second) :] == second


def test_the_command_says_which_other_format_there_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bug.txt").write_text(f"{GDB}\n{SAMPLES['kernel'].text}")
    assert main(["import", "bug.txt"]) == 0
    printed = capsys.readouterr().out
    assert "looks like call traces in the log of the Linux kernel. One format is read at a time" in printed
    assert main(["import", "bug.txt", "--format", "kernel", "--out", "kernel"]) == 0
    assert "read as kernel: 2 stacks" in capsys.readouterr().out


def test_a_trace_far_down_in_a_log_is_named_when_nothing_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    log = "".join(f"[  {n}.000000] a message {n}\n" for n in range(100, 700))
    (tmp_path / "dmesg.txt").write_text(log + SAMPLES["kernel"].text)
    assert main(["import", "dmesg.txt"]) == 3
    assert "with --format kernel for those stacks" in capsys.readouterr().err


def calls_to_read(text_format, text):
    """The number of function calls that the reader makes for the text: work, whatever else the machine does."""
    count = 0

    def tally(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tally)
    try:
        for _ in FORMATS[text_format].read(iter(lines_of(text)), UnreadLines()):
            pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", [name for name in SAMPLES if SAMPLES[name].format not in JSON])
def test_twice_the_text_is_twice_the_work(name):
    sample = SAMPLES[name]
    once, twice = (calls_to_read(sample.format, sample.text * times) for times in (20, 40))
    assert twice < 2.2 * once


@pytest.mark.parametrize("name", [name for name in SAMPLES if SAMPLES[name].format not in JSON])
def test_twice_the_text_is_twice_the_stacks(name):
    sample = SAMPLES[name]
    once, twice = (
        import_text(lines_of(f"{sample.text}\n" * times), ImportOrigin("x"), sample.format) for times in (1, 2)
    )
    assert twice.stacks == 2 * once.stacks > 0


def test_the_memory_that_valgrind_speaks_of_is_of_no_known_thread():
    text = (
        "==7== Thread 2 worker:\n==7== Invalid read of size 4\n"
        "==7==    at 0x1: leaf (a.c:3)\n==7==    by 0x2: work (a.c:9)\n"
        "==7==  Block was alloc'd at\n"
        "==7==    at 0x3: malloc (in /usr/lib/vg.so)\n==7==    by 0x4: prepare (a.c:4)\n"
    )
    recording = imported(text)
    assert [recording.thread(stop.thread).label for stop in recording.stops] == ["worker", "unknown thread"]


def test_each_at_of_valgrind_begins_a_stack():
    text = "==7==    at 0x1: leaf (a.c:3)\n==7==    by 0x2: main (a.c:9)\n==7==    at 0x3: other (a.c:4)\n"
    assert chains_in(text) == ["main .> leaf", "other"]


@pytest.mark.parametrize("name", ["macos", "macos, ips"])
def test_the_images_of_macos_are_libraries(name):
    frames = imported(SAMPLES[name].text).stops[0].frames
    assert [frame.library for frame in frames[:2]] == ["libsystem_kernel.dylib", ""]


def test_prose_with_an_offset_is_no_frame():
    text = "we saw it in leaf+0x1f\nand then in main+0x9\n"
    with pytest.raises(AnalyzerError, match="no backtrace that can be read"):
        imported(text, "backtrace")
    assert detect(lines_of(text)).format == ""


@pytest.mark.parametrize("text", ["TID 7:\n#0  0x01 leaf(in", "./prog(f(int+0x1) [0x1]"])
def test_half_of_a_name_is_no_function(text):
    recording = imported(f"{text}\n")
    assert [frame.is_unknown for frame in recording.stops[0].frames] == [True]


def test_a_place_of_valgrind_that_is_cut_takes_no_name_with_it():
    assert chains_in("==7==    at 0x1: f(int) (a.c:3)\n==7==    by 0x2: main (a.c") == ["main .> f(int)"]


# With -s eu-stack prints the place behind the frame's line, and helgrind prints stacks inside a report.
CUT_BEHIND_A_LINE = [
    name
    for name, sample in SAMPLES.items()
    if FORMATS[sample.format].ends_at_start and name not in ("helgrind", "eu-stack -s -m -i")
]


@pytest.mark.parametrize("name", CUT_BEHIND_A_LINE)
def test_a_text_of_a_tool_that_is_cut_behind_a_line_is_no_change(name):
    text = SAMPLES[name].text
    ends = [position + 1 for position, letter in enumerate(text) if letter == "\n"]
    for end in ends:
        check_cut(text, end)


def test_a_stack_that_is_cut_has_unknown_callers():
    text = SAMPLES["eu-stack"].text
    lines = text.splitlines(keepends=True)
    last = next(number for number in range(len(lines) - 1, 0, -1) if lines[number].startswith("#0"))
    recording = imported("".join(lines[: last + 1]))
    assert recording.stops[-1].open_ended
    assert not any(stop.open_ended for stop in imported(text).stops)
    assert any("was cut" in note for note in recording.notes)


def test_a_build_id_of_eu_stack_is_no_gap_in_the_stack():
    build_id = "    [93ac61ec5a8eb1396f9f]@0x7fde+0xd3"
    frames = (
        "#0  0x0000000000001000 leaf",
        build_id,
        "    /src/a.c:29:10",
        "#1  0x0000000000001100 main",
        build_id,
    )
    lines = ("PID 7 - process", "TID 7:", *frames)
    recording = imported("\n".join(lines) + "\n")
    assert [frame.line for frame in recording.stops[0].frames] == [29, 0]
    assert not any("could not be read" in note for note in recording.notes)
