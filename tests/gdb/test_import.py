"""What gdb prints is imported as what gdb knows: its text and its MI against its own Python frames."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.gdb.conftest import directive
from tests.gdb.test_chains import TRACED, name_of
from tests.support.pasted import imported

_PRINT_FRAMES = Path(__file__).with_name("print_frames.py")
_MARK = "-- next --"


@pytest.fixture
def gdb_output(build):
    """The frames as Python sees them, then what gdb prints for each command, at the first stop."""

    def run(program: Path, *commands: str, flags: tuple[str, ...] = ()):
        lines = ["set confirm off", "set width 0", f"source {_PRINT_FRAMES}"]
        lines += [f"break {name}" for name in directive(program, "stop")]
        lines += ["run", f"echo {_MARK}\\n", "python print_frames()"]
        for command in commands:
            lines += [f"echo {_MARK}\\n", command]
        arguments = ["gdb", "-nx", "-q", "-batch", *(part for line in lines for part in ("-ex", line))]
        done = subprocess.run(
            [*arguments, str(build(program, *flags))],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False,
        )  # fmt: skip
        _, frames, *texts = done.stdout.split(f"{_MARK}\n")
        return json.loads(frames), texts

    return run


@pytest.mark.parametrize("program", TRACED, ids=name_of)
@pytest.mark.parametrize("flags", [(), ("-O0",)], ids=["own flags", "-O0"])
def test_bt_is_read_as_gdbs_own_frames(program, flags, gdb_output):
    frames, texts = gdb_output(program, "bt", "bt full", 'interpreter-exec mi "-stack-list-frames"', flags=flags)
    assert frames
    for text in texts:
        (stop,) = imported(text).stops
        assert [(frame.name, frame.line) for frame in stop.frames] == [
            (frame["name"], frame["line"]) for frame in frames
        ]
        assert [frame.kind == "signal" for frame in stop.frames] == [frame["kind"] == "signal" for frame in frames]
        assert [frame.kind == "inline" for frame in stop.frames] == [frame["kind"] == "inline" for frame in frames]
        assert imported(text).notes == ()


def test_all_threads_are_told_apart(gdb_output):
    (program,) = (program for program in TRACED if name_of(program) == "threads")
    frames, (text,) = gdb_output(program, "thread apply all bt")
    recording = imported(text)
    threads = {frame["thread"] for frame in frames}
    assert threads <= {thread.number for thread in recording.threads}
    assert len(recording.stops) == len(recording.threads) == 3
    assert {thread.label for thread in recording.threads} >= {"main thread"}
    innermost = {stop.frames[0].name for stop in recording.stops}
    assert "leaf" in innermost
    assert recording.notes == ()
