"""What a wrapper script adds: its variables, its folder, its arguments."""

from __future__ import annotations

import pytest

from analyzer.adapters.wrapper_script import changed_variables
from analyzer.recording.run_environment import RunEnvironment, without_accelerator

ADDED = RunEnvironment({"A": "1 2", "B": None}, "/work dir")


def test_the_command_to_repeat_has_the_environment():
    assert ADDED.env_command() == ["env", "--chdir=/work dir", "--unset=B", "A=..."]
    assert RunEnvironment().env_command() == []


@pytest.mark.threat(
    "A recording has secrets of the environment",
    source="whoever gets the recording",
    defence="Only listed variables of a wrapper script are recorded with their values.",
)
def test_the_recorded_command_lacks_values_that_may_be_secrets():
    environment = RunEnvironment(
        {"AWS_SECRET_ACCESS_KEY": "s3cr3t", "QEMU_PASSWORD": "s3cr3t", "LD_LIBRARY_PATH": "/x"}
    )
    assert environment.env_command() == [
        "env", "AWS_SECRET_ACCESS_KEY=...", "QEMU_PASSWORD=...", "LD_LIBRARY_PATH=/x"
    ]  # fmt: skip
    assert "set environment QEMU_PASSWORD=s3cr3t" in list(environment.gdb_commands())


def test_gdb_starts_qemu_in_it():
    assert list(ADDED.gdb_commands()) == ["set cwd /work dir", "set environment A=1 2", "unset environment B"]


def test_other_variables_stay():
    assert ADDED.merged_with({"B": "old", "C": "3"}) == {"A": "1 2", "C": "3"}


def test_variables_of_the_shell_itself_are_no_change():
    old = {"PATH": "/bin", "GONE": "x", "_": "a"}
    new = {"PATH": "/bin", "SHLVL": "1", "PWD": "/", "NEW": "y", "BASH_FUNC_f%%": "() {\n}", "_": "b"}
    assert changed_variables(old, new) == {"GONE": None, "NEW": "y"}


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["-enable-kvm", "-m", "1G"], ["-m", "1G"]),
        (["-accel", "kvm", "-smp", "2"], ["-smp", "2"]),
        (["-accel", "kvm,kernel-irqchip=off"], []),
        (["-machine", "q35,accel=kvm,usb=off"], ["-machine", "q35,usb=off"]),
        (["-M", "accel=kvm", "-S"], ["-S"]),
        (["-accel", "tcg"], ["-accel", "tcg"]),
        (["-machine", "accel=kvm:tcg"], ["-machine", "accel=kvm:tcg"]),
        ([], []),
    ],
)
def test_a_script_may_choose_the_accelerator_that_is_recorded(arguments, kept):
    assert without_accelerator(arguments, "kvm") == tuple(kept)
