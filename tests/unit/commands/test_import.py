"""`analyze import`, and the reference that ships: the output folder, the other verbs on it, the report."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from importlib import resources

import pytest

from analyzer.backtraces import importer
from analyzer.cli import main
from analyzer.graph.merge import graph_of
from analyzer.inputs import load_reference
from gdbscripts.call_kinds import CallKind
from tests.support.pages import document_rows, embedded_document
from tests.support.pasted import PLAIN, THREADS
from tests.unit.backtraces.test_formats import FOLDED

SEED = "59b98813f6862d584e79b9d5a8958e6c7eef085d7016b8ae4d08dcfee7be9377"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pasted_backtrace_becomes_a_folder_like_any_other(here, capsys):
    (here / "bug 1.txt").write_text(THREADS)
    assert main(["import", "bug 1.txt"]) == 0
    captured = capsys.readouterr()
    assert "3 stacks, 3 threads, 9 functions; every line was read." in captured.out
    assert captured.err == ""
    folder = here / "callchain-import-bug-1"
    assert {file.name for file in folder.iterdir()} >= {
        "recording.jsonl",
        "graph.json",
        "report.html",
        "backtraces.txt",
    }
    for arguments in (
        ["show", str(folder), "ppoll"],
        ["graph", str(folder), "-o", "g.dot"],
        ["report", str(folder / "graph.json"), "-o", "r.html"],
    ):
        assert main(arguments) == 0


def test_standard_input_is_read_and_named(here, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PLAIN.encode())))
    assert main(["import", "-", "--name", "bug/../1", "--format", "gdb"]) == 0
    assert [file.name for file in here.iterdir()] == ["callchain-import-bug"]


def test_a_recording_is_replaced_only_when_told(here, capsys):
    (here / "x.txt").write_text(PLAIN)
    assert main(["import", "x.txt", "--out", "o"]) == 0
    assert main(["import", "x.txt", "--out", "o"]) == 3
    assert "already holds a recording" in capsys.readouterr().err
    assert main(["import", "x.txt", "--out", "o", "--force"]) == 0


def test_nothing_that_can_be_read_leaves_no_folder_and_names_the_formats(here, capsys):
    (here / "x.txt").write_text("Dear all,\nit crashed.\n")
    assert main(["import", "x.txt"]) == 3
    said = capsys.readouterr().err
    assert "2 lines could not be read: line 1: Dear all,; line 2: it crashed." in said
    assert all(name in said for name in ("gdb", "mi", "perf script", "folded"))
    assert [file.name for file in here.iterdir()] == ["x.txt"]


def test_unread_lines_are_on_standard_error_and_in_the_report(here, capsys):
    (here / "x.txt").write_text("Dear all,\n" + PLAIN)
    assert main(["import", "x.txt", "--out", "o"]) == 0
    assert "analyze: 1 line could not be read: line 1: Dear all," in capsys.readouterr().err
    assert "1 line could not be read: line 1: Dear all,." in (here / "o" / "report.html").read_text()


@pytest.mark.parametrize("text", [PLAIN, THREADS, FOLDED])
def test_the_report_speaks_of_a_text_and_not_of_a_run(text, here, capsys):
    (here / "x.txt").write_text(text)
    assert main(["import", "x.txt", "--out", "o"]) == 0
    document = embedded_document((here / "o" / "report.html").read_text())
    assert document["page"]["title"] == "Backtraces of x.txt"
    assert document["page"]["imported"]
    texts = "\n".join(document["strings"])
    for wrong in (
        "starts a guest",
        "Incomplete recording",
        "terminated by gdb",
        "Command line",
        "Never",
        "did not exit",
        "incomplete",
        "Call chains to the guest",
        "machine code",
        ">complete<",
    ):
        assert wrong not in texts
    used = {row["sentence"] for row in document_rows(document, "call_kinds") if row["calls"]}
    assert "calls (directly or through a pointer)" in used


def test_the_same_text_gives_the_same_bytes(here, capsys):
    (here / "x.txt").write_text(THREADS)
    for out in ("one", "two"):
        assert main(["import", "x.txt", "--out", out]) == 0
    for name in ("recording.jsonl", "graph.json", "report.html"):
        assert (here / "one" / name).read_bytes() == (here / "two" / name).read_bytes()


def test_counted_stacks_keep_their_number_in_the_file(here, capsys):
    (here / "x.txt").write_text(FOLDED)
    assert main(["import", "x.txt", "--out", "o"]) == 0
    assert "52 stacks, 3 of them different" in capsys.readouterr().out
    records = [json.loads(line) for line in (here / "o" / "recording.jsonl").read_text().splitlines()]
    assert [record["count"] for record in records if record["record"] == "stop"] == [10, 2, 40]


def test_stacks_left_out_are_told_in_a_line_of_their_own_and_in_the_report(here, capsys, monkeypatch):
    monkeypatch.setattr(importer, "MAX_CALL_TEXT", 40)
    (here / "x.txt").write_text(FOLDED)
    assert main(["import", "x.txt", "--out", "o"]) == 0
    told = "42 stacks after the first 1 different stacks are not imported"
    printed = capsys.readouterr().out.splitlines()
    assert "52 stacks, 1 thread, 3 functions; every line was read." in printed[0]
    assert printed[1].startswith(told)
    assert told in (here / "o" / "report.html").read_text()
    assert json.loads((here / "o" / "recording.jsonl").read_text().splitlines()[-2])["text"] == printed[1]


def test_the_reference_is_byte_for_byte_what_was_published():
    content = resources.files("analyzer.backtraces.references").joinpath("qemu-1.6.0.txt").read_bytes()
    assert hashlib.sha256(content).hexdigest() == SEED


def test_the_reference_has_all_frames_of_qemu_1_6():
    recording = load_reference("reference:1.6.0")
    (stop,) = recording.stops
    assert [(frame.name, f"{frame.file}:{frame.line}") for frame in stop.frames] == [
        ("qemu_init_vcpu", "cpus.c:1084"),
        ("x86_cpu_realizefn", "target-i386/cpu.c:2399"),
        ("device_set_realized", "hw/core/qdev.c:699"),
        ("property_set_bool", "qom/object.c:1300"),
        ("object_property_set", "qom/object.c:788"),
        ("object_property_set_qobject", "qom/qom-qobject.c:24"),
        ("object_property_set_bool", "qom/object.c:851"),
        ("pc_new_cpu", "hw/i386/pc.c:922"),
        ("pc_cpus_init", "hw/i386/pc.c:978"),
        ("pc_init1", "hw/i386/pc_piix.c:105"),
        ("pc_init_pci", "hw/i386/pc_piix.c:245"),
        ("pc_init_pci_1_6", "hw/i386/pc_piix.c:255"),
        ("main", "vl.c:4317"),
    ]
    assert stop.arguments_of(9) == (
        ("system_memory", "0x5555562a7240"),
        ("system_io", "0x5555562a7f60"),
        ("ram_size", "1073741824"),
        ("boot_device", '0x555555a0248a "cad"'),
        ("kernel_filename", "0x0"),
        ("kernel_cmdline", '0x5555559f85be ""'),
        ("initrd_filename", "0x0"),
        ("cpu_model", "0x0"),
        ("pci_enabled", "1"),
        ("kvmclock_enabled", "1"),
    )
    assert stop.arguments_of(12) == (("argc", "10"), ("argv", "0x7fffffffe148"), ("envp", "0x7fffffffe1a0"))
    assert [frame.pc for frame in stop.frames[:2]] == [0, 0x555555909F1E]
    assert stop.milestones == ("init-vcpu",)
    assert recording.notes == ()
    assert recording.header.qemu_version == "1.6.0"
    graph = graph_of(recording)
    assert [call.kind for call in graph.calls] == [CallKind.CALL] * 12
    assert [chain.thread for chain in graph.chains] == ["main thread"]


def test_the_verbs_take_a_reference_for_a_recording(here, capsys):
    assert main(["show", "reference:1.6.0"]) == 0
    assert "#9  0x00005555558a923b in pc_init1 (" in capsys.readouterr().out
    assert main(["graph", "reference:1.6.0", "reference:1.6.0", "-o", "g.json"]) == 0
    assert json.loads((here / "g.json").read_text())["provenance"]["qemu_version"] == "1.6.0"
    assert main(["report", "reference:1.6.0", "-o", "r.html"]) == 0
    page = (here / "r.html").read_text()
    assert "Backtraces of QEMU 1.6.0, reference:1.6.0" in page
    assert "the backtrace of a published walk-through" in page


@pytest.mark.parametrize("verb", [["show"], ["graph", "-o", "g.json"], ["report", "-o", "r.html"]])
def test_an_unknown_reference_names_the_known_ones(verb, capsys):
    assert main([verb[0], "reference:0.1", *verb[1:]]) == 3
    said = capsys.readouterr().err
    assert "Unknown reference reference:0.1" in said
    assert "reference:1.6.0" in said
