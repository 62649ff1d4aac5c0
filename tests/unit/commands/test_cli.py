"""The command line: help, usage, exit statuses, bad input. No gdb, no QEMU."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.cli import VERBS, main
from analyzer.commands.diff import EXAMPLES
from analyzer.commands.parser import Parser, positive, positive_int
from analyzer.diff.change import ChangeKind
from analyzer.text import visible
from gdbscripts.enums import FrameKind, RecordingOutcome, StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.records import EndRecord, FrameRecord, MilestoneRecord, StackRecord, StopRecord, ThreadRecord
from tests.support.notation import header

ROOT = Path(__file__).parents[3]


def test_the_help_of_diff_names_every_kind_of_change():
    for kind in ChangeKind:
        assert re.search(rf"(?<![\w-]){kind}(?![\w-])", EXAMPLES.partition("the allow-list")[0]), kind


def test_every_verb_is_in_the_readme_and_has_help_with_examples(capsys):
    readme = (ROOT / "README.md").read_text()
    for verb in VERBS:
        assert f"`analyze {verb}" in readme, verb
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert "examples:" in text
        assert f"analyze {verb}" in text.partition("examples:")[2]


def test_every_exit_status_in_the_help_of_a_verb_is_in_the_table_of_the_readme(capsys):
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if re.match(r"\| `\d+`", line)]
    named = {status for row in rows for status in re.findall(r"`(\d+)`", row)}
    for arguments in ([], *([verb] for verb in VERBS)):
        with pytest.raises(SystemExit):
            main([*arguments, "--help"])
        before, heading, section = capsys.readouterr().out.partition("\nexit status")
        assert heading and "exit status" not in before, arguments
        statuses = set(re.findall(r"(?<!\d)(\d+)(?= )", section))
        assert {"0", "130"} <= statuses <= named, arguments


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_of_every_verb_has_a_help_that_is_a_phrase(verb):
    parser = Parser(prog=verb)
    importlib.import_module(f"analyzer.commands.{'import_' if verb == 'import' else verb}").add_options(parser)
    for action in parser._actions:
        assert len((action.help or "").split()) >= 2, action.dest
        if action.type in (positive, positive_int):
            assert "(default: " in action.help, action.dest


def test_the_readme_names_the_exit_statuses(capsys):
    readme = (ROOT / "README.md").read_text()
    for status in ("`0`", "`1`", "`2`", "`3`", "`4`", "`130`"):
        assert status in readme


@pytest.mark.parametrize(
    ("arguments", "complaint", "verb"),
    [
        (["bisect", "--qemu", "x"], "bisect needs a question", "bisect"),
        (["build"], "build needs exactly one of", "build"),
        (["doctor", "--", "-smp"], "takes no arguments after --", "doctor"),
        (["baseline"], "required: update|check.", "baseline"),
        (["baseline", "update", "x", "--format", "json"], "update writes baselines", "baseline"),
        (["baseline", "update", "-o", "x.html"], "update writes baselines", "baseline"),
        (["ci"], "required: github|gitlab|script|packages.", "ci"),
    ],
)
def test_a_wrong_command_line_names_what_is_missing_and_the_help_of_its_verb(arguments, complaint, verb, capsys):
    assert main(arguments) in (2, 129)
    said = capsys.readouterr().err
    assert complaint in said
    assert f"See analyze {verb} --help." in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: VERB"),
        (["nonsense"], "invalid choice"),
        (["startup", "--pid", "1", "--qemu", "q"], "argument --qemu: not allowed with argument --pid"),
        (["startup", "--pid", "0"], "'0' is not the id of a process"),
        (["startup", "--pid", "1", "--guest", "tiny"], "--guest cannot be given with --pid"),
        (["startup", "--pid", "1", "--accel", "kvm"], "--accel cannot be given with --pid"),
        (
            ["io", "--pid", "1", "--pointers"],
            "--pointers cannot be given with --pid: the function pointers are set",
        ),
        (["io", "--pid", "1", "--", "-m", "1G"], "QEMU arguments after -- cannot be given with --pid"),
        (["startup", "--qemu", "q", "--engine", "lldb"], "invalid choice"),
        (
            ["io", "--qemu", "q", "--engine", "probes", "--pointers"],
            "--pointers cannot be given with --engine probes",
        ),
        (
            ["startup", "--qemu", "q", "--engine", "probes", "--wait-for-cont"],
            "--wait-for-cont cannot be given with --engine probes",
        ),
        (["startup"], "one of the arguments --qemu --version --pid is required"),
        (["startup", "--qemu", "x", "--version", "1.6.0"], "not allowed with"),
        (["build", "1.6.0", "--profile", "fast"], "invalid choice"),
        (["build", "1.6.0", "--sha256", "12"], "no sha256"),
        (["build", "1.6.0", "--jobs", "0"], "not a positive whole number"),
        (["build"], "build needs exactly one of"),
        (["build", "1.6.0", "--list"], "build needs exactly one of"),
        (["build", "1.6.0", "--source", "x"], "build needs exactly one of"),
        (["startup", "--qemu", "x", "--accel", "xen"], "invalid choice: 'xen'"),
        (["startup", "--qemu", "x", "--timeout", "-1"], "not a positive number"),
        (["startup", "--qemu", "x", "--timeout", "soon"], "not a positive number"),
        (["build", "1.6.0", "--jobs", "many"], "not a positive whole number"),
        (["startup", "--qemu", "x", "--break-limit", "0"], "not a positive whole number"),
        (["doctor", "--", "-smp", "2"], "doctor takes no arguments after --"),
    ],
)
def test_usage_errors_say_what_is_wrong_and_exit_2(arguments, complaint, capsys):
    assert main(arguments) == 2
    text = capsys.readouterr().err
    assert complaint in text
    assert "--help" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "missing"],
        ["report", "missing", "-o", "r.html"],
        ["report", "missing.json", "-o", "r.html"],
        ["graph", "missing", "-o", "g.json"],
        ["startup", "--qemu", "missing", "--accel", "tcg"],
        ["startup", "--qemu", "missing", "--accel", "tcg", "--guest", "missing"],
    ],
)
def test_what_is_missing_is_named_and_exits_3(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 3
    assert "missing" in capsys.readouterr().err


def recorded(folder: Path) -> Path:
    path = folder / "recording.jsonl"
    records = [
        MilestoneRecord("goal", "The goal", True, ["goal"], [], files=["/src/main.c"], target=True),
        ThreadRecord(1, 1, "qemu"),
        FrameRecord(0, "goal", FrameKind.NORMAL, 16, "/src/main.c", 3),
        StackRecord(0, [0]),
        StopRecord(0, 0.1, 1, StopReason.MILESTONE, ["goal"], "goal", 0, [[]]),
        EndRecord(RecordingOutcome.COMPLETE, "", 1, 1),
    ]
    path.write_text(to_line(header()) + "".join(map(to_line, records)))
    return path


@pytest.mark.parametrize("suffix", [".json", ".dot", ".graphml"])
def test_the_suffix_chooses_the_graphs_format(suffix, tmp_path, capsys):
    output = tmp_path / f"graph{suffix}"
    assert main(["graph", str(recorded(tmp_path)), "-o", str(output)]) == 0
    assert "goal" in output.read_text()


def test_an_unknown_suffix_names_the_known_ones(tmp_path, capsys):
    assert main(["graph", str(recorded(tmp_path)), "-o", str(tmp_path / "graph.png")]) == 2
    assert ".graphml" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["graph", "report"])
def test_an_output_that_cannot_be_written_is_named(verb, tmp_path, capsys):
    output = tmp_path / "no" / "such" / "folder.json"
    assert main([verb, str(recorded(tmp_path)), "-o", str(output)]) == 3
    assert "cannot be written" in capsys.readouterr().err


def test_without_graphviz_the_report_is_written_all_the_same(tmp_path, capsys, monkeypatch):
    path = recorded(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["report", str(path), "-o", str(tmp_path / "r.html")]) == 0
    assert "The goal" in (tmp_path / "r.html").read_text()  # the page draws its graph itself
    assert capsys.readouterr().err == ""
    assert main(["graph", str(path), "-o", str(tmp_path / "g.svg")]) == 3
    assert "apt install graphviz" in capsys.readouterr().err


def test_a_report_of_a_graph_needs_no_recording(tmp_path, capsys):
    main(["graph", str(recorded(tmp_path)), "-o", str(tmp_path / "g.json")])
    assert main(["report", str(tmp_path / "g.json"), "-o", str(tmp_path / "r.html")]) == 0
    assert "The goal" in (tmp_path / "r.html").read_text()


def test_graphs_and_recordings_of_one_build_can_be_mixed(tmp_path, capsys):
    path = recorded(tmp_path)
    main(["graph", str(path), "-o", str(tmp_path / "g.json")])
    assert main(["graph", str(path), str(tmp_path / "g.json"), "-o", str(tmp_path / "both.json")]) == 0
    assert '"frames": 2' in (tmp_path / "both.json").read_text()


@pytest.mark.parametrize("verb", ["report", "graph"])
def test_what_is_to_be_read_is_not_overwritten(verb, tmp_path, capsys):
    path = recorded(tmp_path)
    main(["graph", str(path), "-o", str(tmp_path / "g.json")])
    before = (tmp_path / "g.json").read_bytes()
    assert main([verb, str(tmp_path / "g.json"), "-o", str(tmp_path / "g.json")]) == 2
    assert "it is kept" in capsys.readouterr().err
    assert (tmp_path / "g.json").read_bytes() == before


@pytest.mark.parametrize("name", ["", "*0x1234", "vl.c:100", "kvm_init if 1", "-x", "a b"])
def test_what_cannot_be_a_functions_name_is_refused(name, capsys):
    assert main(["startup", "--qemu", "x", f"--break={name}"]) == 2
    assert "is not the name of a function" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--qemu", "--guest"])
def test_a_fifo_is_not_waited_for(option, tmp_path, capsys):
    os.mkfifo(tmp_path / "fifo")
    arguments = {"--qemu": "/bin/ls", "--guest": "tiny", "--accel": "tcg", option: str(tmp_path / "fifo")}
    assert main(["startup", *(word for pair in arguments.items() for word in pair)]) == 3
    assert "fifo is no" in capsys.readouterr().err


def test_a_full_disk_is_named(tmp_path):
    code = "import sys; from analyzer.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "show", str(recorded(tmp_path))]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert "No space left" in done.stderr
    assert done.returncode != 1
    assert "Traceback" not in done.stderr


def test_control_characters_of_a_guest_stay_visible_text():
    assert visible("\x1b[31mred\x1b[0m \u202e\n\tok ü") == "\\x1b[31mred\\x1b[0m \\u202e\n\tok ü"


def test_show_into_a_closed_pipe_ends_quietly(tmp_path):
    path = recorded(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    stop = json.loads(lines[4])
    stops = [json.dumps({**stop, "number": number}) + "\n" for number in range(20000)]
    path.write_text("".join(lines[:4] + stops + lines[5:]))
    code = "import sys; from analyzer.cli import main; sys.exit(main())"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "show", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr is not None
    assert child.stderr.read() == b""
    assert child.wait() == 0
    child.stderr.close()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("text", b"hello", "not a program (not an ELF file)"),
        (
            "script",
            b"#!/bin/sh\n",
            "startup and io follow one with --follow-exec",
        ),
        ("empty", b"", "not a program"),
    ],
)
def test_what_is_no_program_is_refused(name, content, complaint, tmp_path, capsys):
    path = tmp_path / name
    path.write_bytes(content)
    assert main(["startup", "--qemu", str(path), "--accel", "tcg"]) == 3
    assert complaint in capsys.readouterr().err


def test_a_program_that_is_not_qemu_is_refused(capsys):
    assert main(["startup", "--qemu", "/bin/ls", "--accel", "tcg"]) == 3
    assert "is not QEMU" in capsys.readouterr().err


def test_a_program_for_another_machine_is_refused(tmp_path, capsys):
    image = bytearray(Path("/bin/ls").read_bytes())
    image[18:20] = (183).to_bytes(2, "little")  # e_machine: AArch64
    path = tmp_path / "foreign"
    path.write_bytes(image)
    assert main(["startup", "--qemu", str(path), "--accel", "tcg"]) == 3
    assert "is a program for aarch64" in capsys.readouterr().err


def fake_qemu(tmp_path: Path, *flags: str) -> Path:
    source = tmp_path / "fake.c"
    source.write_text(
        "#include <stdio.h>\n#include <string.h>\n"
        "int main(int c, char **v) { (void)c;\n"
        ' if (!strcmp(v[1], "--version")) puts("QEMU emulator version 9.9.9");\n'
        ' else if (!strcmp(v[1], "-machine")) puts(MACHINES);\n return 0; }\n'
    )
    path = tmp_path / "qemu-system-x86_64"
    subprocess.run(["gcc", *flags, "-o", path, source], check=True)
    return path


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (['-DMACHINES="pc   Standard PC"'], "has no debug information"),
        (['-DMACHINES="pc   Standard PC"', "-s"], "is stripped"),
        (['-DMACHINES="virt   Arm virtual machine"', "-g"], "is a QEMU for another architecture"),
    ],
)
def test_a_qemu_that_cannot_be_explained_is_refused(flags, complaint, tmp_path, capsys):
    assert main(["startup", "--qemu", str(fake_qemu(tmp_path, *flags)), "--accel", "tcg"]) == 3
    assert complaint in capsys.readouterr().err


def test_an_output_folder_with_a_recording_is_kept(tmp_path, capsys):
    qemu = fake_qemu(tmp_path, '-DMACHINES="pc   Standard PC"', "-g")
    path = recorded(tmp_path)
    before = path.read_bytes()
    assert main(["startup", "--qemu", str(qemu), "--accel", "tcg", "--out", str(tmp_path)]) == 3
    assert re.search("already holds a recording.*--force", capsys.readouterr().err, re.DOTALL)
    assert path.read_bytes() == before


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    qemu = fake_qemu(tmp_path, '-DMACHINES="pc   Standard PC"', "-g")
    (tmp_path / "file").touch()
    assert main(["startup", "--qemu", str(qemu), "--accel", "tcg", "--out", str(tmp_path / "file" / "x")]) == 3
    assert "cannot be written to" in capsys.readouterr().err


def test_where_only_ascii_can_be_printed_a_mark_is_still_one_character(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    recorded = ROOT / "tests" / "recorded"
    assert main(["diff", str(recorded / "5.2.0-debug.txt"), str(recorded / "7.2.22-debug.txt")]) == 1
    lines = out.getvalue().decode("ascii").splitlines()
    assert any("@ moved to another file" in line for line in lines if line.startswith("Key: "))
    assert any(line.startswith("@  > accel_init_machine ") for line in lines)


def test_a_debug_directory_must_exist(capsys, tmp_path):
    (tmp_path / "file").touch()
    for name, fault in (("missing", "does not exist"), ("file", "is not a folder")):
        assert main(["startup", "--qemu", "x", "--debug-directory", str(tmp_path / name)]) == 2
        assert f"{tmp_path / name} {fault}" in capsys.readouterr().err
