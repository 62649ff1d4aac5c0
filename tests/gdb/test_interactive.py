"""The commands for people, in a plain gdb, as they type them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.adapters.gdb import BOOTSTRAP
from tests.gdb.conftest import PROGRAMS

Type = Callable[..., str]


@pytest.fixture
def typed(build) -> Type:
    """What gdb prints for the lines typed, errors included."""

    def run(program: str, *lines: str, flags: tuple[str, ...] = ()) -> str:
        command = ["gdb", "-nx", "-q", "-batch", "-x", str(BOOTSTRAP)]
        for line in ("set confirm off", "set disassembly-flavor intel", *lines):
            command += ["-ex", line]
        command.append(str(build(PROGRAMS / program, *flags)))
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
        ).stdout

    return run


def test_kvm_chain_marks_what_went_through_a_pointer(typed):
    output = typed("pointers/member.c", "break leaf", "run", "kvm-chain").splitlines()
    chain = [line for line in output if line.endswith(tuple("0123456789")) and "member.c:" in line][-3:]
    assert [line.split()[:2] for line in chain] == [
        ["main", chain[0].split()[1]],
        [">", "call"],
        ["*>", "leaf"],
    ]
    assert output[-1] == "Key: > direct call; *> call through a pointer."


def test_kvm_chain_shows_a_function_that_left_no_frame(typed):
    output = typed("lost_tail_call.c", "break leaf", "run", "kvm-chain", flags=("-O2",))
    assert "choose" in output.partition("kvm-chain")[2] or "(left no frame)" in output


@pytest.mark.parametrize("flags", [("-O0",), ("-O2",)], ids=["-O0", "-O2"])
def test_kvm_pointer_names_the_slot_and_how_to_watch_it(typed, flags):
    output = typed("pointers/member.c", "break leaf", "run", "kvm-pointer", flags=flags)
    assert "call called leaf through a pointer" in output
    assert "It was loaded from Ops.go" in output
    assert "watch *(void **) 0x" in output or "is no longer in a register.\nSet a breakpoint at *0x" in output


def test_kvm_pointer_follows_arguments_to_where_the_name_is_written(typed):
    output = typed("pointers/argument.c", "break leaf", "run", "kvm-pointer")
    assert "passed as go by each at " in output
    assert "passed as visit by main at " in output
    assert "The function is named in main at " in output


def test_kvm_pointer_takes_the_number_of_a_frame(typed):
    output = typed("pointers/member.c", "break leaf", "run", "up", "kvm-pointer 0", "kvm-pointer", "frame")
    assert "It was loaded from Ops.go" in output
    assert "call was not called through a pointer" in output
    assert output.rstrip().splitlines()[-2].startswith("#1")


def test_the_users_settings_stay_as_they_were(typed):
    output = typed(
        "pointers/member.c", "break leaf", "run", "kvm-pointer", "kvm-chain", "show disassembly-flavor",
        "show pagination", "show breakpoint always-inserted", "info breakpoints", "info signals SIGUSR1",
    )  # fmt: skip
    assert 'disassembly flavor is "intel"' in output
    assert "Always inserted breakpoint mode is off" in output
    assert output.count("breakpoint     keep") == 1
    assert "SIGUSR1       Yes\tYes" in output


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("kvm-chain", "No stack."),
        ("kvm-pointer", "No stack."),
        ("kvm-chain now", "kvm-chain takes no arguments."),
        ("kvm-ioctls begin", 'Undefined kvm-ioctls command: "begin"'),
        ("kvm-ioctls", "No ioctl was recorded. Start with: kvm-ioctls start"),
    ],
)
def test_what_makes_no_sense_is_said_as_gdb_says_it(typed, line, complaint):
    output = typed("pointers/member.c", line)
    assert complaint in output
    assert "Traceback" not in output


def test_frames_that_are_not_there_are_named(typed):
    output = typed("pointers/member.c", "break leaf", "run", "kvm-pointer 99", "kvm-pointer two")
    assert "No frame at level 99." in output
    assert 'No frame "two"' in output


def test_kvm_ioctls_lists_what_was_asked_of_kvm(typed):
    output = typed(
        "bypass.c", "kvm-ioctls start", "run", "kvm-ioctls 2", "kvm-ioctls", "kvm-ioctls clear", "kvm-ioctls"
    )
    assert output.count("KVM_SET_TSS_ADDR") == 2
    assert output.count("KVM_CREATE_VM") == 1
    assert "KVM_GET_API_VERSION, 0x0) = 12" in output
    assert output.rstrip().endswith("No ioctl was recorded.")


def test_kvm_ioctls_can_be_stopped_and_started_again(typed):
    output = typed(
        "bypass.c", "break main", "run", "kvm-ioctls start", "kvm-ioctls stop", "continue", "kvm-ioctls",
        "kvm-ioctls start", "run", "continue", "kvm-ioctls",
    )  # fmt: skip
    assert output.count("KVM_CREATE_VM") == 1


def test_kvm_ioctls_goes_on_when_the_program_is_run_again(typed):
    output = typed("bypass.c", "kvm-ioctls start", "run", "run", "break main", "run", "run", "kvm-ioctls")
    assert output.count("KVM_CREATE_VM") == 2
    assert "Cannot insert" not in output
    assert "= ?" not in output


def test_help_and_completion_are_there(typed):
    output = typed("bypass.c", "help kvm-chain", "help kvm-pointer", "help kvm-ioctls", "complete kvm-ioctls st")
    for name in ("kvm-chain", "kvm-pointer", "kvm-ioctls"):
        assert f"Usage: {name}" in output
    assert output.rstrip().splitlines()[-2:] == ["kvm-ioctls start", "kvm-ioctls stop"]


def test_the_scripts_are_found_by_their_path_alone():
    assert Path(BOOTSTRAP).name == "bootstrap.py"
