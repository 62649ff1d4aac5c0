"""A recording whose gdb has ended gets its footer from this side."""

from __future__ import annotations

import pytest

from analyzer.recording.closing import close_recording, cut_incomplete_line
from analyzer.recording.progress import RecordingFollower
from analyzer.recording.reader import read_recording
from gdbscripts.enums import RecordingOutcome
from gdbscripts.json_lines import to_line
from gdbscripts.records import NoteRecord
from tests.support.inputs import RECORDS
from tests.support.notation import header


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "recording.jsonl"
    path.write_text(to_line(header()) + "".join(map(to_line, RECORDS[:-1])))  # without the footer
    return path


def test_the_footer_counts_what_is_there(recording):
    close_recording(recording, RecordingOutcome.INCOMPLETE, "gdb was killed by SIGKILL")
    end = read_recording(recording).end
    assert (end.outcome, end.reason) == ("incomplete", "gdb was killed by SIGKILL")
    assert (end.frames, end.stops) == (3, 1)


@pytest.mark.parametrize("length", [1, 40, 70_000])
def test_an_incomplete_line_is_cut(recording, length):
    whole = recording.read_text()
    recording.write_text(whole + "x" * length)
    cut_incomplete_line(recording)
    assert recording.read_text() == whole


def test_a_file_without_a_line_end_becomes_empty(tmp_path):
    path = tmp_path / "recording.jsonl"
    path.write_text("x" * 200_000)
    cut_incomplete_line(path)
    assert path.read_text() == ""


def test_a_link_is_not_followed(recording, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(recording)
    with pytest.raises(OSError, match="symbolic link"):
        close_recording(link, RecordingOutcome.INCOMPLETE, "")


def test_who_follows_the_file_reads_on_after_the_cut(recording):
    follow = RecordingFollower(recording)
    with recording.open("a") as file:
        file.write(to_line(NoteRecord("before"))[:-10])
    list(follow.new())
    cut_incomplete_line(recording)
    follow.forget_incomplete_line()
    with recording.open("a") as file:
        file.write(to_line(NoteRecord("after")))
    assert list(follow.new()) == [NoteRecord("after")]
    follow.close()


def test_a_footer_that_is_written_stays_the_only_one(tmp_path):
    file = tmp_path / "recording.jsonl"
    file.write_text('{"record": "end", "outcome": "complete", "reason": "QEMU ended", "frames": 0, "stops": 0}\n')
    before = file.read_text()
    close_recording(file, RecordingOutcome.INTERRUPTED, "interrupted by the user")
    assert file.read_text() == before
