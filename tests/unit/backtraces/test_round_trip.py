"""Properties of the importer: what `show` prints comes back, and no damage to a text makes up a call."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.backtraces.formats import FORMATS
from analyzer.backtraces.importer import recording_from_text
from analyzer.backtraces.line_cleanup import clean_line, join_broken_line
from analyzer.backtraces.stacks import UnreadLines
from analyzer.errors import AnalyzerError
from analyzer.graph.chains import own_chain, whole_chain
from analyzer.graph.merge import graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import assemble
from gdbscripts.call_kinds import CallKind
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.records import (
    CUT,
    SIGNAL,
    UNKNOWN_NAME,
    EndRecord,
    FrameRecord,
    MilestoneRecord,
    Record,
    ReturnRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from reports.text.backtraces import backtraces, stops_about
from tests.support.notation import as_text, header, recording
from tests.support.pasted import shown
from tests.unit.backtraces.samples import SAMPLES
from tests.unit.test_approved import example

NAMES = st.sampled_from(
    [
        "main",
        "qemu_init",
        "pc_init1.constprop.0",
        "kvm_cpu_exec",
        "A::operator()",
        "std::map<int, foo>::at",
        "(anonymous namespace)::run",
        "operator new",
        "f(int, char*) const",
        "__GI_poll",
        "start_thread",
        "_start",
    ]
)
VALUES = st.sampled_from(
    [
        "1",
        "0x7ffe",
        '0x40 "a, b=1)"',
        "<optimized out>",
        "{x = 1, y = {2, 3}}",
        "40 '('",
        "...",
        "@0x7: {a = 1}",
        '0x1 "\\"(" <repeats 3 times>',
        "0x55 <std::map<int, foo>::at(int)>",
        "-1",
    ]
)
ARGUMENTS = st.lists(st.tuples(st.sampled_from(["a", "this", "value", "errp"]), VALUES), max_size=3)
FILES = st.sampled_from(["", "vl.c", "hw/core/qdev.c", "/usr/include/bits/x.h", "a b/c.c"])
LIBRARIES = st.sampled_from(["", "/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libglib-2.0.so.0"])
KINDS = st.sampled_from([FrameKind.NORMAL, *(kind for kind in FrameKind if kind is not FrameKind.OTHER)])


@st.composite
def frames(draw, number=0):
    kind, name, pc = draw(KINDS), draw(NAMES), draw(st.integers(0, 2**64 - 1))
    file, library, addressed = draw(FILES), draw(LIBRARIES), draw(st.booleans())
    if kind is FrameKind.SIGNAL:
        return FrameRecord(number, SIGNAL, kind, 0, addressed=False), []
    if draw(st.integers(0, 19)) == 0:
        return FrameRecord(number, CUT + " 2000 frames>", FrameKind.OTHER, 0, addressed=False), []
    if draw(st.integers(0, 9)) == 0:
        return FrameRecord(number, UNKNOWN_NAME, FrameKind.NORMAL, pc), []
    if file:  # gdb prints one of the two
        library = ""
    line = draw(st.integers(1, 99_999)) if file else 0
    return FrameRecord(number, name, kind, pc if addressed else 0, file, line, library, addressed), draw(ARGUMENTS)


@st.composite
def recordings(draw) -> Recording:
    """Recordings as a run makes them, with threads, creators and all reasons to stop."""
    labels = draw(st.lists(st.sampled_from(["CPU 0/KVM", "worker", "IO (mon), x", ""]), max_size=3, unique=True))
    threads = [
        ThreadRecord(1, 1, "qemu"),
        *(ThreadRecord(n, n, name, hex(n)) for n, name in enumerate(labels, 2)),
    ]
    titles = ["QEMU starts", "The goal", "In goal", "Asked for: goal", "The guest runs"]
    milestones = [MilestoneRecord(f"m{n}", title, False, [], []) for n, title in enumerate(titles)]
    records: list[Record] = [header(), *milestones, *threads]
    numbers: dict[str, int] = {}  # a frame and a stack are recorded once
    stacks: dict[tuple[int, ...], int] = {}
    for stop in range(draw(st.integers(1, 5))):
        stack = [draw(frames()) for _ in range(draw(st.integers(1, 6)))]
        for frame, _ in stack:
            if to_line(frame) not in numbers:
                numbers[to_line(frame)] = len(numbers)
                records.append(replace(frame, number=numbers[to_line(frame)]))
        key = tuple(numbers[to_line(frame)] for frame, _ in stack)
        if key not in stacks:
            stacks[key] = len(stacks)
            records.append(StackRecord(stacks[key], list(key)))
        thread = draw(st.sampled_from(threads)).number
        reason = draw(st.sampled_from(StopReason))
        reached = draw(st.lists(st.sampled_from(milestones), min_size=1, max_size=2, unique_by=lambda m: m.name))
        records.append(
            StopRecord(
                stop,
                draw(st.integers(0, 99_999)) / 1000,
                thread,
                reason,
                [m.name for m in reached] if reason in (StopReason.MILESTONE, StopReason.BREAK) else [],
                "device_write",
                stacks[key],
                [[list(pair) for pair in pairs] for _, pairs in stack],
                starts="start_fn" if reason is StopReason.THREAD_CREATE else "",
                count=draw(st.sampled_from([1, 1, 12])),
            )
        )
        if reason is StopReason.THREAD_CREATE and labels and draw(st.booleans()):
            records.append(ReturnRecord(stop, 0, hex(draw(st.integers(2, len(labels) + 1)))))
    return assemble([*records, EndRecord(RecordingOutcome.COMPLETE, "", 1, 1)], "made")


@settings(deadline=None, max_examples=150)
@given(recordings())
def test_what_show_printed_gives_the_same_recording(recording):
    text = shown(recording)
    again = recording_from_text([*text.splitlines(keepends=True), "\n"], "again")  # show ends each stack so
    assert shown(again) == text
    assert again.notes == ()
    for one, other in zip(stops_about(recording), again.stops, strict=True):
        assert [(f.name, f.file, f.line, f.library, f.kind, a) for f, a in one.frames_with_arguments()] == [
            (f.name, f.file, f.line, f.library, f.kind, a) for f, a in other.frames_with_arguments()
        ]
        assert recording.thread(one.thread).label == again.thread(other.thread).label
    graph_of(again).check()


def backtrace(name, depth):
    place = "at hw/x.c:{0}" if depth % 2 else "from /lib/lib{0}.so"
    return [
        f'#{level}  0x{level + 16:016x} in {name}{level} (a={level}, s=0x1 "x, (y") ' + place.format(level + 1)
        for level in range(depth)
    ]


WHOLE = [
    'Thread 2 (Thread 0x7f (LWP 12) "CPU 0/KVM"):',
    *backtrace("f", 7),
    "",
    "Thread 1 (LWP 11):",
    *backtrace("g", 6),
    "some words",
    *backtrace("h", 4),
]


@st.composite
def damaged(draw):
    """Lines of backtraces: some missing, some doubled, some cut, some of another text between."""
    lines = list(WHOLE)
    junk = st.text(max_size=30).filter(lambda text: "(" not in text) | st.sampled_from(
        ["#3 (", "#1  0x01 in ", "at hw/y.c:3", "{", '"', ")", "  a = {"]
    )
    for _ in range(draw(st.integers(1, 6))):
        position = draw(st.integers(0, max(0, len(lines) - 1)))
        what = draw(st.sampled_from(["delete", "insert", "double", "cut", "swap"]))
        if what == "delete" and lines:
            del lines[position]
        elif what == "insert":
            lines.insert(position, draw(junk))
        elif what == "double" and lines:
            lines.insert(position, lines[position])
        elif what == "cut" and lines:
            lines[position] = lines[position][: draw(st.integers(0, 80))]
        elif what == "swap" and len(lines) > 1:
            other = draw(st.integers(0, len(lines) - 1))
            lines[position], lines[other] = lines[other], lines[position]
    return lines


def adjacent(text):
    """(outer, inner) of neighbouring frames of the text whose levels follow each other."""
    found, before = set(), (None, None)
    for line in text.splitlines():
        if start := re.match(r"#(\d+)\s", line):
            name = re.search(r" in ([fgh]\d) \(", line)
            level = int(start[1])
            if name and before[1] is not None and level == before[0] + 1:
                found.add((name[1], before[1]))
            before = (level, name[1] if name else None)
    return found


@settings(deadline=None, max_examples=200)
@given(damaged(), st.integers(0, 100))
def test_no_damage_makes_up_a_call(lines, cut):
    text = "\n".join(lines)
    text = text[: len(text) - cut]
    try:
        recording = recording_from_text(text.splitlines(keepends=True), "damaged")
    except AnalyzerError:
        return
    graph_of(recording).check()
    calls = {
        (outer.function.name, inner.function.name)
        for stop in recording.stops
        for outer, inner in pairwise(own_chain(stop, recording))
        if inner.kind is not CallKind.UNKNOWN
    }
    assert calls <= adjacent(text)


LINES_OF_TOOLS = [line for sample in SAMPLES.values() for line in sample.text.splitlines()]
NUMBERED = [
    sample for sample in SAMPLES.values() if sample.format in ("tsan", "eu-stack", "lldb", "rust", "macos")
]


def known_calls(text, text_format):
    """(outer, inner) of all calls of a known kind between frames."""
    return {
        (outer.function.name, inner.function.name)
        for stop in recording_from_text(text.splitlines(keepends=True), "x", text_format).stops
        for inner, outer in pairwise(stop.frames)
        if outer.call is not CallKind.UNKNOWN
    }


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(NUMBERED), st.lists(st.integers(0, 10_000), max_size=2), st.integers(0, 9))
def test_no_missing_line_makes_up_a_call_where_frames_have_numbers(sample, missing, cut):
    lines = sample.text.splitlines()
    for position in missing:
        del lines[position % len(lines)]
    try:
        calls = known_calls("\n".join(lines[: len(lines) - cut]), sample.format)
    except AnalyzerError:
        return
    assert calls <= known_calls(sample.text, sample.format)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.text(max_size=60) | st.sampled_from(WHOLE) | st.sampled_from(LINES_OF_TOOLS), max_size=20),
    st.sampled_from(["", *FORMATS]),
)
def test_any_text_is_read_or_refused(lines, text_format):
    try:
        recording = recording_from_text([f"{line}\n" for line in lines], "any", text_format)
    except AnalyzerError as error:
        assert error.message and error.hint
        return
    graph_of(recording).check()
    shown(recording)


@settings(deadline=None)
@given(st.text())
def test_a_clean_line_stays_as_it_is(text):
    assert clean_line(clean_line(text)) == clean_line(text)


@given(st.text(alphabet="ab,=("), st.text(alphabet="ab,=("))
def test_joining_loses_nothing(left, right):
    assert join_broken_line(left, right).replace(" ", "") == left + right


def test_unread_lines_are_shown_up_to_a_limit():
    unread = UnreadLines()
    for number in range(7):
        unread.add(number, "x" * 1000)
    assert unread.sentence().endswith("; 2 more")
    assert len(unread.sentence()) < 700


def test_who_created_a_thread_is_read_back():
    text = shown(example())
    again = recording_from_text(text.splitlines(keepends=True), "again")
    assert shown(again) == text
    assert [as_text(whole_chain(stop, again)) for stop in again.stops] == [
        "main .> accel_init .> goal",
        "main .> realize .> start .> pthread_create",
        "main .> realize .> start => vcpu_fn .> goal .> ioctl",
    ]


def test_where_only_the_thread_tells_of_its_creator_that_is_a_stack_too():
    whole = shown(example())
    text = whole[whole.index("== The goal, KVM_RUN") :]
    again = recording_from_text(text.splitlines(keepends=True), "again")
    assert [as_text(whole_chain(stop, again)) for stop in again.stops] == [
        "main .> realize .> start .> pthread_create",
        "main .> realize .> start => clone3 .> vcpu_fn .> goal .> ioctl",
    ]


READ_AS = {reason: reason for reason in StopReason} | {StopReason.SAMPLE: StopReason.MILESTONE}
"""A sample is printed like any stack that ends in its function, and that is a milestone of its own."""


@pytest.mark.parametrize("reason", StopReason)
def test_the_reason_of_a_stop_is_read_back(reason):
    recorded = recording("main > goal")
    title = "Asked for: goal" if reason is StopReason.BREAK else "The goal"
    milestone = replace(recorded.milestones[0], title=title)
    reached = ("goal",) if reason in (StopReason.MILESTONE, StopReason.BREAK) else ()
    stop = replace(recorded.stops[0], reason=reason, milestones=reached)
    text = shown(replace(recorded, milestones=(milestone,), stops=(stop,)))
    again = recording_from_text(text.splitlines(keepends=True), "again")
    assert shown(again) == text
    assert [stop.reason for stop in again.stops] == [READ_AS[reason]]


def test_equal_stacks_are_printed_once_and_read_back_with_their_count():
    recorded = recording("main > goal", "main > other > goal")
    first, second = recorded.stops
    stops = [replace(first, number=number, time=number / 10, arguments=()) for number in range(2, 7)]
    recorded = replace(recorded, stops=(first, second, *stops, replace(second, number=7, time=1.5)))
    text = shown(recorded)
    assert [line for line in text.splitlines() if line.startswith("==")] == [
        "== The goal (main thread, 0.000 s, 6 times)",
        "== The goal (main thread, 0.100 s, 2 times)",
    ]
    assert text.count("value=1") == 5
    again = recording_from_text(text.splitlines(keepends=True), "again")
    assert [(stop.count, stop.time) for stop in again.stops] == [(6, 0.0), (2, 0.1)]
    assert (
        {call.hits for call in graph_of(again).calls} == {call.hits for call in graph_of(recorded).calls} == {6, 2}
    )
    assert len(list(backtraces(recorded, each=True))) == 8
