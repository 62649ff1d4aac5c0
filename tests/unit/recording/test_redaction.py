"""What `analyze redact` removes, and what stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.commands import redact
from analyzer.recording.redaction import NOTE, REDACTED, Redactor, redacted, redactor_for
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.records import (
    EndRecord,
    FrameRecord,
    MilestoneRecord,
    NoteRecord,
    OutputRecord,
    Record,
    SourceRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)
from tests.support.notation import header

ROOT = "/home/alice/acme/qemu"
QEMU = f"{ROOT}/build/qemu-system-x86_64"
TAIL = ["f", "/home/alice/y.c", ""]
PRIVATE = ("alice", "acme", "hunter2", "buildbox", "s3cr3t", "52:54:00:12:34:56", "10.1.2.3", "vm-of-bob")
COMMAND = [
    *(QEMU, "-name", "vm-of-bob", "-object", "secret,id=s0,data=hunter2,,x", "-m", "2G"),
    *(
        "-drive",
        "file=/home/alice/my disks/acme.qcow2,format=qcow2,password-secret=s3cr3t",
        "-L",
        "/usr/share/seabios",
    ),
    *("-netdev", "tap,id=n0", "-device", "virtio-net,netdev=n0,mac=52:54:00:12:34:56", "-cdrom", "../acme/a.iso"),
    *(
        "-drive",
        "file=https://bob:hunter2@acme.example/d?token=s3cr3t,if=none",
        "-chardev",
        "socket,host=10.1.2.3,port=1",
    ),
    *(
        "-object",
        '{"qom-type":"secret","id":"s1","data":"hunter2"}',
        "-append",
        "root=/dev/sda1 api_key=s3cr3t quiet",
    ),
]


def recorded() -> list[Record]:
    files = [f"{ROOT}/system/main.c", f"{ROOT}/build/../accel/kvm.c"]
    return [
        replace(header(), qemu=QEMU, command=COMMAND, qemu_arguments=COMMAND[1:], build={"to": ROOT, "n": [1]}),
        MilestoneRecord("main", "Main", True, ["main"], [], files=files),
        ThreadRecord(1, 17, "qemu"),
        FrameRecord(0, "kvm_init", FrameKind.NORMAL, 16, file=files[1], line=5),
        FrameRecord(1, "main", FrameKind.NORMAL, 32, file=files[0], line=7, call="direct"),
        FrameRecord(2, "helper", FrameKind.NORMAL, 48, library="/home/alice/lib/lib-acme.so"),
        FrameRecord(3, "g_main", FrameKind.NORMAL, 48, library="/usr/lib/libglib.so", via=[TAIL]),
        FrameRecord(4, "made", FrameKind.NORMAL, 64, file=f"{ROOT}/build/qapi/made.c", line=1),
        StackRecord(0, [0, 4, 2, 3, 1]),
        StopRecord(
            0, 0.5, 1, StopReason.MILESTONE, ["main"], "kvm_init", stack=0,
            arguments=[[("path", '0x55 "/home/alice/acme.img"'), ("opt", '"password=hunter2"')], *[[]] * 4],
        ),
        SourceRecord(files[0], 7, ["int main(void)"]),
        OutputRecord("serial", "buildbox login: alice from 10.1.2.3\n"),
        NoteRecord("No source lines of /home/alice/acme/other.c on buildbox."),
        EndRecord(RecordingOutcome.COMPLETE, "", 5, 1),
    ]  # fmt: skip


@pytest.fixture
def recording(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(redact, "names_of_this_host", lambda: ["buildbox"])
    file = tmp_path / "recording.jsonl"
    file.write_text("".join(map(to_line, recorded())))
    return file


@pytest.mark.threat(
    "A shared recording gives away names, paths or secrets",
    source="whoever gets the recording",
    defence="`analyze redact` and `--redact` replace them.",
)
def test_paths_names_and_secrets_are_removed(recording, tmp_path, capsys):
    out = tmp_path / "shared.jsonl"
    assert main(["redact", str(recording), str(out), "--name", "acme"]) == 0
    text = out.read_text()
    assert [word for word in PRIVATE if word in text] == []
    assert all(word in recording.read_text() for word in PRIVATE)
    assert {"/usr/share/seabios", "/dev/sda1", "2G", "format=qcow2", "kvm_init"} <= {
        word for word in ("/usr/share/seabios", "/dev/sda1", "2G", "format=qcow2", "kvm_init") if word in text
    }


def test_the_call_graph_stays_the_same(recording, tmp_path):
    out, graphs = tmp_path / "shared.jsonl", []
    main(["redact", str(recording), str(out)])
    for source in (recording, out):
        assert main(["graph", str(source), "-o", str(tmp_path / "graph.json")]) == 0
        graphs.append(json.loads((tmp_path / "graph.json").read_text()))
    for graph in graphs:
        graph.pop("provenance", None)
    old, new = (json.dumps(graph).replace("/home/alice/y.c", "/redacted/y.c") for graph in graphs)
    assert old == new
    assert "accel/kvm.c" in new and "build/qapi/made.c" in new and ROOT not in new


@pytest.mark.parametrize(
    "verb", [["show"], ["summary"], ["export", "--format", "folded"], ["report", "-o", "r.html"]]
)
def test_readers_read_the_result(recording, tmp_path, monkeypatch, verb, capsys):
    monkeypatch.chdir(tmp_path)
    main(["redact", str(recording), "shared.jsonl"])
    assert main([verb[0], "shared.jsonl", *verb[1:]]) == 0


def test_a_note_says_so_once():
    first = list(redacted(recorded(), redactor_for(recorded())))
    assert NoteRecord(NOTE) in first and isinstance(first[-1], EndRecord)
    again = list(redacted(first, redactor_for(first)))
    assert again.count(NoteRecord(NOTE)) == 1
    assert again == first


@pytest.mark.parametrize(
    ("argument", "before", "expected"),
    [
        ("vm,debug-threads=on", "-name", f"{REDACTED},debug-threads=on"),
        ("guest,debug-threads=on", "-name", "guest,debug-threads=on"),
        ("guest=vm,debug-threads=on", "-name", f"guest={REDACTED},debug-threads=on"),
        ("file=/a b/c.img,if=none", "-drive", "file=/redacted/1.img,if=none"),
        ("nbd+unix:///x?socket=/tmp/s", "-drive", f"nbd+unix://{REDACTED}"),
        ("user,hostfwd=tcp:127.0.0.1:22-:22", "-nic", "user,hostfwd=tcp:127.0.0.1:22-:22"),
        ("secret,id=a,file=/home/u/key", "-object", "secret,id=a,file=/redacted/1"),
        ("2.5.1.9.8", "-x", "2.5.1.9.8"),
        ("isa-debug-exit,iobase=0xf4", "-device", "isa-debug-exit,iobase=0xf4"),
    ],
)
def test_arguments(argument, before, expected):
    assert Redactor("", "").argument(argument, before) == expected


def test_equal_paths_stay_equal_and_others_differ():
    redactor = Redactor("", "")
    first, second, again = map(redactor.text, ("see /home/u/a.img", "see /home/u/b.img", "and /home/u/a.img"))
    assert first != second
    assert again.split()[1] == first.split()[1]


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "/" * 200_000, "password" * 30_000, "=," * 100_000, "a:" * 100_000]
)
def test_long_texts_take_no_quadratic_time(text):
    Redactor("", "").argument(text)


def test_the_recording_itself_is_not_overwritten(recording, capsys):
    assert main(["redact", str(recording), str(recording)]) == 3
    assert "is the recording itself" in capsys.readouterr().err
