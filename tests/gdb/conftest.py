"""Builds the small programs and records them with real gdb."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from analyzer.adapters.gdb import Gdb, mi_string
from analyzer.model.recording import Recording
from analyzer.recording.pointer_runs import explain_pointers
from analyzer.recording.reader import read_recording
from gdbscripts import plan as plans
from gdbscripts.json_lines import to_line
from gdbscripts.records import NoteRecord
from tests.conftest import need_tool
from tests.support.definitions import check_definitions
from tests.support.notation import header

PROGRAMS = Path(__file__).parents[1] / "programs"
TAKE_BT = Path(__file__).with_name("take_bt.py")


def directive(program: Path, name: str) -> list[str]:
    """Values of the `// name:` lines of a program."""
    return re.findall(rf"^// {name}: (.*)$", program.read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles a program once for each set of flags."""
    need_tool("gdb")
    folder = tmp_path_factory.mktemp("programs")

    def compile_program(program: Path, *extra: str, compiler: str = "") -> Path:
        command_name = compiler or ("g++" if program.suffix == ".cc" else "gcc")
        flags = " ".join(directive(program, "flags")).split()
        sources = [program, *(PROGRAMS / name for line in directive(program, "sources") for name in line.split())]
        parents = program.relative_to(PROGRAMS).parts[:-1]
        key = "-".join([*parents, program.stem, compiler, *extra]).replace("/", "_")
        binary = folder / key / key
        if not binary.exists():
            command = [need_tool(command_name), "-g", "-O0", *flags, *extra, "-o", str(binary), *map(str, sources)]
            binary.parent.mkdir(exist_ok=True)
            subprocess.run(command, check=True, cwd=binary.parent)  # where -gsplit-dwarf leaves its files
        return binary

    return compile_program


Record = Callable[..., Recording]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Records a program: its stops in `functions`, or of whole steps."""

    def run(
        binary: Path,
        functions: Sequence[str] = (),
        steps: Sequence[plans.PlannedMilestone] = (),
        take_bt: Path | None = None,
        arguments: Sequence[str] = (),
        pointers: bool = False,
        ioctl_log: bool = False,
        before_pointers: Sequence[str] = (),
        prepare: Sequence[str] = (),
    ) -> Recording:
        path = tmp_path / "recording.jsonl"
        path.write_text(to_line(header()))
        milestones = [*steps, *(plans.PlannedMilestone(name, name, True, [name]) for name in functions)]
        plan_file = tmp_path / "plan.json"
        plans.save(plans.RecordingPlan(str(path), milestones, [], ioctl_log=ioctl_log), str(plan_file))
        with Gdb(binary) as gdb:
            if take_bt is not None:
                gdb.console(f"source {TAKE_BT}")
                gdb.console(f"python take_bt({str(take_bt)!r})")
            for line in prepare:
                gdb.console(line)
            gdb.command(f"-chain-plan {mi_string(str(plan_file))}")
            gdb.console(f"set args {shlex.join(arguments)} >/dev/null")
            gdb.command("-exec-run")
            stopped = gdb.wait_stopped(60)
            assert stopped is not None and stopped.ended, (stopped, "".join(gdb.log))
            for line in before_pointers:
                gdb.console(line)
            if pointers:
                notes = explain_pointers(gdb, read_recording(path), plan_file, 60, lambda *_: None)
                with path.open("a") as file:
                    file.writelines(to_line(NoteRecord(note)) for note in notes)
            gdb.command('-chain-end complete ""')
            log = "".join(gdb.log)
        assert "Traceback" not in log and "Python Exception" not in log, log
        recording = read_recording(path)
        check_definitions(recording, binary, dwarf=True)
        return recording

    return run
