"""Very many hits: memory and recording stay small, and progress is seen without a terminal.

`make load` makes a million; CALLCHAIN_HITS is their number.
"""

from __future__ import annotations

import os
import resource

import pytest

from analyzer.recording.reader import read_recording
from tests.compare.conftest import analyze

HITS = int(os.environ.get("CALLCHAIN_HITS", "15000"))
MOST_MEMORY = 400  # MiB of the largest process: gdb takes some 100 for a small program
LARGEST_RECORDING = 4 << 20  # bytes


@pytest.mark.load(
    "1,000,000 hits of a breakpoint (`make load`; 15,000 in `make test`)",
    does="counts hits with equal stacks; within 400 MiB, and with progress each 5 s",
)
def test_very_many_hits_are_counted_within_bounded_memory_and_progress_is_seen(toy, tmp_path):
    program = toy('FAULT="faults/many_hits.c"', name="many_hits")
    out = tmp_path / "out"
    options = ["--break", "hit", "--no-kernel", "--no-pointers", "--timeout", "3000"]
    earlier = largest_child()
    done = analyze("startup", "--qemu", program, "--out", out, *options, limit=3000, HITS=str(HITS))
    assert done.returncode == 0, done.stdout + done.stderr
    recording = read_recording(out)
    assert sum(stop.count for stop in recording.stops if stop.function == "hit") == HITS
    assert len([stop for stop in recording.stops if stop.function == "hit"]) == 2
    assert (out / "recording.jsonl").stat().st_size < LARGEST_RECORDING
    assert largest_child() <= max(MOST_MEMORY, earlier)
    seconds = recording.end.seconds
    assert done.stdout.count(" waiting for: ") >= seconds // 5 - 2


def largest_child() -> int:
    """The largest resident set of a child that has ended, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
