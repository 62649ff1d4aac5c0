"""Reading recordings: whole, cut short, damaged, foreign."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzer.errors import AnalyzerError
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import merge
from analyzer.model.frames import identify
from analyzer.recording.reader import read_recording
from analyzer.recording.source_paths import relative, source_root
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.json_lines import from_line, to_line
from gdbscripts.kvm_records import ExitCountRecord, IoctlRecord
from gdbscripts.records import (
    EndRecord,
    FrameRecord,
    KernelEventRecord,
    KernelTraceRecord,
    MilestoneRecord,
    RepeatRecord,
    ReturnRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from reports.html.page_document import page_document
from reports.html.render import render
from reports.text.backtraces import backtraces
from tests.support.inputs import RECORDS as INPUT_RECORDS
from tests.support.notation import header

RECORDS = [
    MilestoneRecord(
        "goal", "The goal", True, ["goal"], [], files=["/src/system/main.c", "/src/accel/kvm/kvm-all.c"]
    ),
    ThreadRecord(1, 100, "qemu", "0x1"),
    FrameRecord(0, "goal", FrameKind.NORMAL, 4096, "/src/build/../system/main.c", 7),
    FrameRecord(1, "main", FrameKind.NORMAL, 4100, "/src/system/main.c", 9, call="direct"),
    StackRecord(0, [0, 1]),
    StopRecord(0, 0.5, 1, StopReason.MILESTONE, ["goal"], "goal", 0, [[["a", "1"]], []]),
    EndRecord(RecordingOutcome.COMPLETE, "", 2, 1),
]


def write(path, records=RECORDS, first=None):
    text = to_line(first or header()) + "".join(map(to_line, records))
    path.write_text(text)
    return path


@pytest.fixture
def file(tmp_path):
    return write(tmp_path / "recording.jsonl")


def test_paths_are_relative_to_the_source_root(file):
    recording = read_recording(file)
    assert recording.source_root == "/src"
    assert [frame.file for frame in recording.stops[0].frames] == ["system/main.c", "system/main.c"]


@pytest.mark.parametrize(
    ("defined_in", "identity", "file"),
    [
        (None, ("goal", "main"), "system/main.c"),
        ("/src/accel/kvm/kvm-all.c", ("goal", "kvm-all"), "accel/kvm/kvm-all.c"),
        ("", ("goal", ""), ""),
    ],
    ids=["the file of the line", "another file", "no file"],
)
def test_a_function_has_the_file_that_defines_it_and_the_frame_that_of_its_line(
    tmp_path, defined_in, identity, file
):
    records = [replace(record, defined_in=defined_in) if record is RECORDS[2] else record for record in RECORDS]
    frame = read_recording(write(tmp_path / "r", records)).stops[0].frames[0]
    assert (frame.function.name, frame.function.where) == identity
    assert (frame.file, frame.line, frame.defined_in) == ("system/main.c", 7, file)


def test_a_recording_of_the_schema_before_has_no_file_of_definition(tmp_path):
    lines = (
        write(tmp_path / "r", first=replace(header(), schema=3)).read_text().replace(', "defined_in": null', "")
    )
    assert "defined_in" not in lines
    (tmp_path / "old").write_text(lines)
    assert [frame.defined_in for frame in read_recording(tmp_path / "old").stops[0].frames] == [
        "system/main.c"
    ] * 2


def test_a_file_that_the_build_made_is_relative_to_the_folder_of_the_program(tmp_path):
    """Wherever that is: the sources need not lie above it."""
    first = replace(header(), qemu="/elsewhere/build/qemu-system-x86_64")
    made = [
        replace(record, file="/elsewhere/build/block/block-gen.c") if isinstance(record, FrameRecord) else record
        for record in RECORDS
    ]
    recording = read_recording(write(tmp_path / "r", made, first))
    assert {frame.file for frame in recording.stops[0].frames} == {"block/block-gen.c"}


def test_a_folder_is_as_good_as_the_file_in_it(file):
    assert read_recording(file.parent) == read_recording(file)


def test_a_recording_without_its_end_is_read_and_says_so(tmp_path):
    recording = read_recording(write(tmp_path / "r", RECORDS[:-1]))
    assert recording.end is None
    assert len(recording.stops) == 1


@given(cut=st.integers(min_value=1, max_value=60))
def test_a_half_written_last_line_is_left_out(tmp_path_factory, cut):
    path = write(tmp_path_factory.mktemp("cut") / "r")
    path.write_text(path.read_text()[:-cut])
    recording = read_recording(path)
    assert recording.end is None
    assert len(recording.stops) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty, not a recording"),
        ("hello\n", "is not a recording: not JSON"),
        ('{"record": "note", "text": "x"}\n', "it has no header"),
        ('{"record": "header", "schema": 99}\n', "is of schema 99; this program reads up to 5"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path, text, complaint):
    path = tmp_path / "r"
    path.write_text(text)
    with pytest.raises(AnalyzerError, match=complaint):
        read_recording(path)


def test_a_damaged_line_is_named_by_its_number(tmp_path):
    path = write(tmp_path / "r")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], "garbage\n", *lines[3:]]))
    with pytest.raises(AnalyzerError, match="damaged in line 4"):
        read_recording(path)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            '"reason": "milestone"',
            '"reason": "dream"',
            "reason of a stop record: 'dream' is not one of milestone,",
        ),
        ('"kind": "normal"', '"kind": "async"', "field kind of a frame record: 'async' is not one of normal,"),
        ('"outcome": "complete"', '"outcome": "paused"', "'paused' is not one of complete,"),
    ],
)
def test_a_value_that_only_a_newer_program_knows_is_named(tmp_path, old, new, complaint):
    path = write(tmp_path / "r")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(AnalyzerError, match=complaint):
        read_recording(path)


def test_a_missing_frame_is_damage(tmp_path):
    records = [record for record in RECORDS if not isinstance(record, FrameRecord)]
    with pytest.raises(AnalyzerError, match="names number 0, which is missing"):
        read_recording(write(tmp_path / "r", records))


def test_stacks_with_fewer_arguments_than_frames_are_damage(tmp_path):
    stop = StopRecord(0, 0.5, 1, StopReason.MILESTONE, ["goal"], "goal", 0, [[]])
    records = [stop if isinstance(record, StopRecord) else record for record in RECORDS]
    with pytest.raises(AnalyzerError, match="damaged"):
        read_recording(write(tmp_path / "r", records))


WRONG = st.sampled_from([None, -1, 7, 10**30, "", "x", "\ud800", [], [1], [[1]], {}, {"a": 1}, True, 1.5])


@given(st.data())
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_wrong_in_a_recording_it_is_an_error_or_a_report(tmp_path, data):
    """A field of the wrong kind, a line left out, a line twice: a sentence, never a traceback."""
    records = [json.loads(to_line(record)) for record in [header(), *RECORDS]]
    record = data.draw(st.sampled_from(records))
    record[data.draw(st.sampled_from(sorted(record)))] = data.draw(WRONG)
    if data.draw(st.booleans()):
        records.pop(data.draw(st.integers(0, len(records) - 1)))
    path = tmp_path / "fuzz"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    try:
        recording = read_recording(path)
        graph = merge([recording])
        graph.check()
        to_json(graph)
        render(page_document(graph, [recording]))
        list(backtraces(recording))
    except AnalyzerError as error:
        assert error.message


def test_a_file_without_end_is_not_read_to_its_end():
    with pytest.raises(AnalyzerError, match="has a line of"):
        read_recording(Path("/dev/zero"))


def test_a_missing_file_has_a_next_step(tmp_path):
    with pytest.raises(AnalyzerError, match="There is no recording") as caught:
        read_recording(tmp_path / "nothing")
    assert "analyze startup" in caught.value.hint


@pytest.mark.parametrize(
    ("files", "root"),
    [
        (["/a/vl.c", "/a/cpus.c"], "/a"),
        (["/a/softmmu/vl.c", "/a/build/../accel/kvm/kvm-all.c"], "/a"),
        (["/a/vl.c", "relative.c"], "/a"),
        (["/a/vl.c", "/b/vl.c"], ""),
        ([], ""),
    ],
)
def test_the_source_root_is_what_the_milestones_have_in_common(files, root):
    assert source_root(files) == root


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("/src/hw/core/qdev.c", "hw/core/qdev.c"),
        ("/src/b/../hw/x.c", "hw/x.c"),
        ("/srcery/x.c", "/srcery/x.c"),
        ("/usr/include/glib.h", "/usr/include/glib.h"),
        ("", ""),
    ],
)
def test_files_elsewhere_keep_their_path(file, shown):
    assert relative(file, "/src") == shown


@pytest.mark.parametrize(
    ("name", "file", "library", "identity"),
    [
        ("pc_init1.constprop.0", "hw/i386/pc_piix.c", "", ("pc_init1", "pc_piix")),
        ("kvm_arch_init_vcpu.part.0.cold", "target/i386/kvm/kvm.c", "", ("kvm_arch_init_vcpu", "kvm")),
        ("f.isra.3", "f.c", "", ("f", "f")),
        ("operator.()", "f.cc", "", ("operator.()", "f")),
        ("__GI___ioctl", "../sysdeps/ioctl.c", "/lib/x86_64-linux-gnu/libc.so.6", ("ioctl", "[libc]")),
        ("g_list_foreach", "", "/usr/lib/libglib-2.0.so.0", ("g_list_foreach", "[libglib]")),
    ],
)
def test_identity_is_name_and_stem_or_library(name, file, library, identity):
    function = identify(name, file, library)
    assert (function.name, function.where) == identity


def thread_records(first_handle, second_handle):
    """Two threads created one after the other; the second got the first one's handle again."""
    start = dict(
        reason=StopReason.THREAD_CREATE, milestones=[], function="pthread_create", stack=0, arguments=[[]]
    )
    work = dict(reason=StopReason.MILESTONE, milestones=["goal"], function="goal", stack=0, arguments=[[]])
    return [
        RECORDS[0],
        RECORDS[2],
        StackRecord(0, [0]),
        ThreadRecord(1, 100, "qemu", "0x1"),
        StopRecord(0, 0.1, 1, starts="first", **start),
        ReturnRecord(0, 0, first_handle),
        ThreadRecord(2, 101, "qemu", first_handle),
        StopRecord(1, 0.2, 2, **work),
        StopRecord(2, 0.3, 1, starts="second", **start),
        ReturnRecord(2, 0, second_handle),
        ThreadRecord(3, 102, "CPU 0/KVM", second_handle),
        StopRecord(3, 0.4, 3, **work),
    ]


@pytest.mark.parametrize("second_handle", ["0x20", "0x10"], ids=["own handle", "handle used again"])
def test_a_thread_hangs_on_the_call_that_created_it(tmp_path, second_handle):
    recording = read_recording(write(tmp_path / "r", thread_records("0x10", second_handle)))
    assert [(t.created_by, t.start and t.start.name) for t in recording.threads] == [
        (None, None),
        (0, "first"),
        (2, "second"),
    ]
    assert [t.label for t in recording.threads] == ["main thread", "thread 2", "CPU 0/KVM"]


def test_further_hits_are_added_to_their_stop(tmp_path):
    stop = next(record for record in RECORDS if isinstance(record, StopRecord))
    repeats = [RepeatRecord(stop.number, 2), RepeatRecord(stop.number, 5)]
    recording = read_recording(write(tmp_path / "r", [*RECORDS, *repeats]))
    assert recording.stop(stop.number).count == stop.count + 7


@pytest.mark.parametrize("repeat", [RepeatRecord(0, 0), RepeatRecord(999, 1)])
def test_further_hits_of_no_stop_or_of_no_number_are_damage(repeat, tmp_path):
    with pytest.raises(AnalyzerError, match=f"stop {repeat.stop} is repeated {repeat.count} times"):
        read_recording(write(tmp_path / "r", [*RECORDS, repeat]))


@pytest.mark.parametrize("count", [0, -3])
def test_a_stop_that_stands_for_no_stack_is_damage(count, tmp_path):
    records = [replace(record, count=count) if isinstance(record, StopRecord) else record for record in RECORDS]
    with pytest.raises(AnalyzerError, match=f"stands for {count} stacks"):
        read_recording(write(tmp_path / "r", records))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (header(), "it has two headers; two runs wrote into it"),
        (RECORDS[-1], "it has two ends; two runs wrote into it"),
        (RECORDS[-2], "stop 0 is there twice; two runs wrote into it"),
        (ExitCountRecord(2, -1), "a record of type exit-count has the negative count -1"),
        (KernelTraceRecord(True, "", -5), "a record of type kernel has the negative count -5"),
        (
            KernelEventRecord(0, 0.1, "kvm_exit", "", -1, -2),
            "a record of type kernel-event has the negative count -2",
        ),
        (EndRecord(RecordingOutcome.COMPLETE, "", -2, 1), "a record of type end has the negative count -2"),
    ],
)
def test_what_two_runs_or_nobody_can_have_written_is_refused_with_a_sentence(more, sentence, tmp_path):
    records = [*RECORDS[:-1], more] if isinstance(more, EndRecord) and more.frames < 0 else [*RECORDS, more]
    with pytest.raises(AnalyzerError) as error:
        read_recording(write(tmp_path / "recording.jsonl", records))
    assert f"is damaged: {sentence}." in error.value.message
    assert "a folder of its own" in error.value.hint


@pytest.mark.parametrize("kind", ["ioctl", "vcpu-exit", "pointer"])
def test_a_repeated_ioctl_exit_or_pointer_is_refused(kind, tmp_path):
    repeated = [record for record in INPUT_RECORDS if kind == record.TAG]
    assert repeated
    with pytest.raises(AnalyzerError, match=f"{kind} 0 is there twice"):
        read_recording(write(tmp_path / "recording.jsonl", [*INPUT_RECORDS[:-1], *repeated]))


def test_two_whole_recordings_in_one_file_are_refused(file):
    file.write_text(file.read_text() * 2)
    with pytest.raises(AnalyzerError, match="two headers"):
        read_recording(file)


def test_a_recording_before_schema_5_has_the_frames_in_its_stops_and_ioctls(tmp_path):
    old = [
        replace(record, stack=-1, frames=[0, 1]) if isinstance(record, (StopRecord, IoctlRecord)) else record
        for record in RECORDS
        if not isinstance(record, StackRecord)
    ]
    first = replace(header(), schema=4)
    assert (
        read_recording(write(tmp_path / "old", old, first)).stops == read_recording(write(tmp_path / "new")).stops
    )


def test_fields_with_their_default_value_are_not_written():
    line = to_line(StopRecord(0, 0.5, 1, StopReason.MILESTONE, ["goal"], "goal", 0))
    assert '"stack": 0' in line and "frames" not in line and "fd" not in line
    assert from_line(line) == StopRecord(0, 0.5, 1, StopReason.MILESTONE, ["goal"], "goal", 0)
