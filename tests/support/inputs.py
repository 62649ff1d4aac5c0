"""One small recording as every kind of input that a reading verb takes, written into a folder."""

from __future__ import annotations

import struct
from pathlib import Path

from analyzer.baselines.writer import write_baseline
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import graph_of
from analyzer.recording.reader import read_recording
from gdbscripts.json_lines import to_line
from gdbscripts.kvm_records import IoctlRecord, IoctlReturnRecord, KvmExitRecord
from gdbscripts.records import (
    EndRecord,
    FrameRecord,
    MilestoneRecord,
    PointerOriginRecord,
    PointerRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from reports.text.backtraces import backtraces
from tests.support.notation import header

_KVM_RUN, _PORT, _EXIT_IO, _OUT = 0xAE80, 0x80, 2, 1
_RUN = struct.pack("<8xIBBHQQBBHIQ", _EXIT_IO, 0, 0, 0, 0, 0xFEE00000, _OUT, 1, _PORT, 1, 0x1000).ljust(128, b"\0")
RECORDS = [
    MilestoneRecord("goal", "The goal", True, ["goal"], [], files=["/src/hw/goal.c", "/src/main.c"], target=True),
    ThreadRecord(1, 1, "qemu"),
    FrameRecord(0, "goal", "normal", 0x10, "/src/hw/goal.c", 7),
    FrameRecord(1, "middle", "normal", 0x20, "/src/hw/middle.c", 12, call="indirect"),
    FrameRecord(2, "main", "normal", 0x30, "/src/main.c", 20, call="direct"),
    StackRecord(0, [0, 1, 2]),
    StopRecord(0, 0.5, 1, "milestone", ["goal"], "goal", 0, [[["n", "42"]], [], []]),
    PointerRecord(0, [0x20, 0x30], "goal", "member", "Ops.go", 0x5000, 0x10, "goal", "explained"),
    PointerOriginRecord(0, "stored", "Ops.go", "set_up", "/src/hw/ops.c", 5, address=0x5000, stop=-1),
    StackRecord(1, [1, 2]),
    IoctlRecord(0, 0.6, 1, 9, "anon_inode:kvm-vcpu:0", _KVM_RUN, 0, "", 1),
    IoctlReturnRecord(0, 0, ""),
    KvmExitRecord(0, 0, 0.7, 1, _RUN.hex(), "5a"),
    EndRecord("complete", "", 3, 1),
]
"""`main` calls `middle`, and that calls `goal` through `Ops.go`, which `set_up` stored; an ioctl; an access."""
FOLDER, RECORDING, GRAPH, BASELINE, BACKTRACE = "a folder", "a recording", "a graph", "a baseline", "a backtrace"
KINDS = (FOLDER, RECORDING, GRAPH, BASELINE, BACKTRACE)


def write_inputs(folder: Path) -> dict[str, Path]:
    """Each kind of input, by KINDS; no name tells what is in the file."""
    out = folder / "out"
    out.mkdir()
    (out / "recording.jsonl").write_text(to_line(header()) + "".join(map(to_line, RECORDS)))
    recording = read_recording(out)
    graph = graph_of(recording)
    files = {FOLDER: out, **{kind: folder / f"{number}.data" for number, kind in enumerate(KINDS[1:])}}
    files[RECORDING].write_bytes((out / "recording.jsonl").read_bytes())
    files[GRAPH].write_text(to_json(graph))
    files[BASELINE].write_text(write_baseline(graph))
    files[BACKTRACE].write_text("".join(text.partition("\n")[2] for text in backtraces(recording)))
    return files
