"""Wrapper scripts: the QEMU that they execute is recorded, with what they add."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.qemu.conftest import startup

SHELL = """#!/bin/sh
cd {folder} || exit 1
export LD_DEBUG=statistics
unset TO_BE_REMOVED
exec {qemu} -enable-kvm -machine q35,accel=kvm "$@" -smp 2
"""
PYTHON = """#!/usr/bin/env python3
import os, sys
os.execve({qemu!r}, [{qemu!r}, "-m", "24", *sys.argv[1:]], {{**os.environ, "LD_DEBUG": "statistics"}})
"""


def script(path: Path, text: str, **values: object) -> Path:
    path.write_text(text.format(**values))
    path.chmod(0o755)
    return path


def test_a_script_that_executes_qemu_is_followed(qemu, tmp_path, monkeypatch):
    monkeypatch.setenv("TO_BE_REMOVED", "x")
    folder = tmp_path / "a folder"
    folder.mkdir()
    wrapper = script(tmp_path / "wrapper", SHELL, qemu=qemu, folder=f"'{folder}'")
    result = startup(
        wrapper, tmp_path / "out", "--follow-exec", "--no-pointers", qemu_arguments=["-name", "two words"]
    )
    assert result.status == 0, result.out + result.err
    header = result.recording.header
    assert header.qemu == str(qemu)
    assert header.qemu_arguments == ["-machine", "q35", "-name", "two words", "-smp", "2"]
    assert header.command[:5] == [
        "env", f"--chdir={folder}", "--unset=TO_BE_REMOVED", "LD_DEBUG=statistics", str(qemu),
    ]  # fmt: skip
    assert "runtime linker statistics" in result.recording.outputs["stderr"]
    assert "8086:29c0" in result.recording.outputs["serial"], "the host bridge of q35"
    assert f"{wrapper} executes env" in result.out


def test_a_script_of_another_interpreter_is_followed(qemu, tmp_path):
    wrapper = script(tmp_path / "wrapper", PYTHON, qemu=str(qemu))
    result = startup(wrapper, tmp_path / "out", "--follow-exec", "--no-pointers")
    assert result.status == 0, result.out + result.err
    assert result.recording.header.qemu_arguments == ["-m", "24"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('#!/bin/sh\n{qemu} "$@"\ntrue\n', "runs QEMU as a child process"),
        (
            "#!/bin/sh\necho no disk\nexit 7\n",
            "executed no QEMU and ended with exit status 7. Its output: no",
        ),
        (
            "#!/nonexistent\n",
            "executed no QEMU and ended with exit status 127. Its output: {wrapper}: No such file",
        ),
    ],
)
def test_a_script_that_does_not_execute_qemu_is_refused(qemu, tmp_path, text, sentence):
    wrapper = script(tmp_path / "wrapper", text, qemu=qemu)
    result = startup(wrapper, tmp_path / "out", "--follow-exec")
    assert result.status == 3
    assert sentence.format(wrapper=wrapper) in result.err
    assert not (tmp_path / "out").exists()


def test_a_script_without_an_interpreter_line_is_run_by_the_shell(qemu, tmp_path):
    wrapper = script(tmp_path / "wrapper", 'exec {qemu} -m 24 "$@"\n', qemu=qemu)
    result = startup(wrapper, tmp_path / "out", "--follow-exec", "--no-pointers")
    assert result.status == 0, result.out + result.err


def test_a_script_that_waits_has_the_time_of_the_run(qemu, tmp_path):
    wrapper = script(tmp_path / "wrapper", "#!/bin/sh\nsleep 60\n")
    result = startup(wrapper, tmp_path / "out", "--follow-exec", "--timeout", "0.5")
    assert result.status == 3
    assert "did not execute QEMU within 0.5 s" in result.err


def test_without_the_option_a_script_is_refused_and_the_option_named(qemu, tmp_path):
    wrapper = script(tmp_path / "wrapper", SHELL, qemu=qemu, folder="/")
    result = startup(wrapper, tmp_path / "out")
    assert result.status == 3
    assert "--follow-exec" in result.err


@pytest.mark.parametrize("arguments", [["-version"], ["-machine", "help"], ["-device", "VGA,help"]])
def test_an_argument_that_only_prints_is_named(qemu, tmp_path, arguments):
    result = startup(qemu, tmp_path / "out", qemu_arguments=arguments)
    assert result.status == 3
    assert f"{' '.join(arguments)} makes QEMU print information and end: no guest is started." in result.err
