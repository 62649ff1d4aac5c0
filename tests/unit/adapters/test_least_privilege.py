"""Who QEMU and gdb run as, what is hidden from them, and what the privileged process refuses."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import socket
import struct
from pathlib import Path

import pytest

from analyzer.adapters import accounts, privileged_server
from analyzer.adapters.accounts import account_to_use
from analyzer.adapters.hidden_paths import paths_to_hide
from analyzer.adapters.privileged_server import PrivilegedServer
from analyzer.commands.parser import file_mode
from analyzer.errors import AnalyzerError

NOBODY = pwd.getpwnam("nobody")
HOME = Path("/home/u")
OF_CALLER = {"SUDO_UID": str(NOBODY.pw_uid), "SUDO_GID": "7"}


def refusal(server: PrivilegedServer, verb: str, *arguments: object) -> str:
    answer, descriptor = server.answer(f"{verb} {json.dumps(arguments)}")
    assert descriptor < 0
    kind, _, value = answer.partition(" ")
    assert kind == "error"
    return json.loads(value)[0]


def test_root_through_sudo_becomes_the_user_who_called_it():
    account = account_to_use("", 0, OF_CALLER)
    assert account is not None
    assert (account.name, account.uid, account.gid) == ("nobody", NOBODY.pw_uid, NOBODY.pw_gid)


@pytest.mark.parametrize(
    ("asked", "euid", "environment"),
    [
        ("", 0, {}),
        ("", 0, {"SUDO_UID": "0"}),
        ("", 0, {"SUDO_UID": "-1"}),
        ("", 0, {"SUDO_UID": "²"}),
        ("", 1000, OF_CALLER),
        ("root", 0, OF_CALLER),
        ("0", 0, OF_CALLER),
        ("nobody", NOBODY.pw_uid, {}),
    ],
)
def test_otherwise_the_user_stays_the_same(asked, euid, environment):
    assert account_to_use(asked, euid, environment) is None


def test_the_user_that_is_asked_for_goes_before_the_one_who_called_sudo():
    account = account_to_use("nobody", 0, {"SUDO_UID": "12345"})
    assert account is not None and account.uid == NOBODY.pw_uid


def test_a_caller_of_sudo_without_an_entry_has_the_group_of_sudo():
    account = account_to_use("", 0, {"SUDO_UID": "3999999999", "SUDO_GID": "7"})
    assert account == accounts.Account("3999999999", 3999999999, 7, Path("/"))


def test_an_unknown_user_and_one_that_only_root_can_become_are_errors_with_a_next_step():
    for asked, euid, message in (("no-such-user", 0, "There is no user"), ("root", 1000, "Only root can")):
        with pytest.raises(AnalyzerError, match=message) as caught:
            account_to_use(asked, euid, {})
        assert caught.value.hint


def test_a_process_of_another_user_is_recorded_as_root(monkeypatch, tmp_path):
    monkeypatch.setattr(accounts, "_PTRACE_SCOPE", tmp_path / "none")
    other = {"SUDO_UID": str(os.getuid() + 4242)}
    assert account_to_use("", 0, other, pid=os.getpid()) is None


@pytest.mark.parametrize(("scope", "switches"), [("0", True), ("1", False)])
def test_a_process_of_the_caller_is_recorded_as_the_caller_where_the_kernel_lets_him_attach(
    monkeypatch, tmp_path, scope, switches
):
    (tmp_path / "scope").write_text(scope + "\n")
    monkeypatch.setattr(accounts, "_PTRACE_SCOPE", tmp_path / "scope")
    monkeypatch.setattr(Path, "stat", lambda *_, **__: os.stat_result([0, 0, 0, 0, NOBODY.pw_uid, 0, 0, 0, 0, 0]))
    assert (account_to_use("", 0, OF_CALLER, pid=os.getpid()) is not None) is switches


def test_secrets_of_homes_and_system_are_hidden():
    hidden = paths_to_hide([HOME, Path("/root")], ["-m", "2G", "/home/u/disk.img", "/home/u"])
    assert {HOME / ".ssh", Path("/root/.ssh"), HOME / ".gnupg", Path("/etc/shadow")} <= set(hidden)
    assert HOME not in hidden and Path("/root") not in hidden


@pytest.mark.parametrize(
    ("argument", "stays"),
    [
        ("file=/home/u/.mozilla/disk.img,format=raw", HOME / ".mozilla"),
        (".ssh/disk.img", HOME / ".ssh"),
        ("file.driver=ssh,file.host=h", HOME / ".ssh"),
        ("ssh://u@h/disk.img", HOME / ".ssh"),
        (":1,sasl=on", Path("/etc/shadow")),
    ],
)
def test_what_an_argument_names_or_uses_stays_readable(argument, stays):
    hidden = paths_to_hide([HOME], ["-drive", argument])
    assert stays not in hidden
    assert HOME / ".gnupg" in hidden


def test_with_a_file_of_further_arguments_nothing_is_hidden():
    assert paths_to_hide([HOME], ["-readconfig", "vm.cfg"]) == []


@pytest.mark.parametrize("text", ["755", "0750", "700"])
def test_permissions_are_octal(text):
    assert file_mode(text) == int(text, 8)


@pytest.mark.parametrize("text", ["", "7777", "055", "rwx", "800", "-700", "٧٠٠"])
def test_other_permissions_are_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        file_mode(text)


@pytest.mark.threat(
    "A process makes the privileged helper do something else",
    source="the program to be recorded",
    defence="It accepts threads of the user only, and events of KVM, of system calls and of its probes only.",
)
def test_the_privileged_process_traces_only_threads_of_the_user(monkeypatch):
    server = PrivilegedServer(os.getuid() + 4242)
    monkeypatch.setattr(privileged_server, "open_event", lambda *_: pytest.fail("opened"))
    server._trace = object()
    dummy = struct.pack("<IIQQQQQIIQQQQIiQIHH", 1, 112, 9, *[0] * 16)
    assert "another user" in refusal(server, "follow", os.getpid())
    assert "another user" in refusal(server, "event", dummy.hex(), os.getpid(), 0)
    for thread in (-1, 0, True, "self", None):
        assert "another user" in refusal(server, "event", dummy.hex(), thread, 0)


@pytest.mark.threat("A process makes the privileged helper do something else")
def test_the_privileged_process_opens_only_tracepoints_of_this_run(monkeypatch):
    server = PrivilegedServer(os.getuid())
    monkeypatch.setattr(privileged_server, "open_event", lambda *_: pytest.fail("opened"))
    for kind, config in ((2, 17), (0, 0), (1, 0), (4, 1), (5, 1)):  # PERF_TYPE_…
        attributes = struct.pack("<IIQQQQQIIQQQQIiQIHH", kind, 112, config, *[0] * 16)
        assert "event" in refusal(server, "event", attributes.hex(), os.getpid(), 0)
    assert refusal(server, "event", "00", os.getpid(), 0)


@pytest.mark.threat("A process makes the privileged helper do something else")
def test_the_privileged_process_adds_no_line_to_what_it_defines():
    server = PrivilegedServer(os.getuid())
    server._definitions = object()
    assert "characters" in refusal(server, "define", [["/bin/true", 0]], "x\np:evil /bin/sh:0")
    assert "tracepoint" in refusal(server, "tracepoint", "../../../etc/passwd")
    assert "tracepoint" in refusal(server, "tracepoint", "kvm/x\n")


@pytest.mark.parametrize(
    "line", ["", "shell []", "trace {}", "follow [", "follow [1,2,3]", "[" * 100_000, "stop []"]
)
def test_the_privileged_process_answers_whatever_is_asked(line):
    assert PrivilegedServer(os.getuid()).answer(line)[0].startswith("error ")


def test_the_privileged_process_ends_when_the_other_side_does():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"nothing []\nwithout a line end")
        ours.shutdown(socket.SHUT_WR)
        PrivilegedServer(os.getuid()).serve(theirs)
        assert ours.recv(1000).startswith(b"error ")
