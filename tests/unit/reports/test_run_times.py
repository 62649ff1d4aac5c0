"""The report says how long the run took, and where the time went."""

from __future__ import annotations

from dataclasses import replace

from gdbscripts.enums import RecordingOutcome
from gdbscripts.records import EndRecord
from reports.text.run_times import run_times_text

END = EndRecord(RecordingOutcome.COMPLETE, "", 1, 1, seconds=2.0, program_seconds=0.25, recorder_seconds=0.5)


def test_the_time_that_is_nobody_elses_is_gdbs():
    assert run_times_text(END) == (
        "2.00 s: 0.25 s in QEMU (processor time), 0.50 s in the recorder at breakpoints, 1.25 s in gdb or waiting"
    )


def test_a_program_with_several_threads_may_use_more_than_the_time_of_the_run():
    assert "0.00 s in gdb" in run_times_text(replace(END, program_seconds=3.0))


def test_stacks_that_only_gdb_could_read_are_counted():
    assert run_times_text(replace(END, left_to_gdb=3)).endswith("; 3 stacks read by gdb's own unwinder")


def test_nothing_is_said_of_times_that_were_not_measured():
    assert run_times_text(replace(END, seconds=0.0)) == ""
    assert run_times_text(None) == ""
