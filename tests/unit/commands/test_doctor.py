"""What the host refuses is named with a remedy: /dev/kvm in all its moods, and the doctor."""

from __future__ import annotations

import os
import subprocess

import pytest

from analyzer.adapters import kvm_device
from analyzer.cli import main
from analyzer.commands import doctor
from analyzer.errors import AnalyzerError
from tests.conftest import need, need_tool


@pytest.fixture
def device(monkeypatch):
    return lambda path: monkeypatch.setattr(kvm_device, "DEVICE", str(path))


def test_no_kvm_at_all(device, tmp_path):
    device(tmp_path / "kvm")
    with pytest.raises(AnalyzerError, match="does not exist") as caught:
        kvm_device.check_kvm()
    assert "modprobe" in caught.value.hint
    assert "--accel tcg" in caught.value.hint


def test_a_kvm_that_refuses_to_create_a_vm(device):
    device("/dev/null")
    with pytest.raises(AnalyzerError, match="cannot create a virtual machine"):
        kvm_device.check_kvm()


def test_a_kvm_this_user_may_not_open(device, monkeypatch):
    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AnalyzerError, match="This user has no permission to open") as caught:
        kvm_device.check_kvm()
    assert "usermod -aG kvm" in caught.value.hint


def test_kvm_runs_a_guest_of_two_instructions():
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    descriptors = len(os.listdir("/proc/self/fd"))
    kvm_device.run_test_guest()
    assert len(os.listdir("/proc/self/fd")) == descriptors, "descriptors are left open"


def test_a_guest_that_comes_back_for_another_reason_is_no_success(monkeypatch):
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    monkeypatch.setattr(kvm_device, "_GUEST_CODE", b"\xf4\xf4\xf4")  # hlt: leaves for reason 5
    with pytest.raises(AnalyzerError, match="with reason 5"):
        kvm_device.run_test_guest()


def test_the_doctor_names_a_remedy_for_each_shortcoming(monkeypatch, device):
    monkeypatch.setenv("PATH", "/nowhere")
    device("/dev/null")
    findings = {finding.subject: finding for finding in doctor.examine_host()}
    for subject in ("gdb", "ptrace", "/dev/kvm", "KVM guest", "graphviz"):
        assert not findings[subject].ok, subject
        assert findings[subject].remedy, subject
    assert findings["gdb"].needed
    assert not findings["graphviz"].needed


def test_the_doctor_says_whether_the_qemu_in_path_has_debug_information(monkeypatch, tmp_path, capsys):
    from tests.unit.commands.test_cli import fake_qemu

    objcopy = need_tool("objcopy")
    program = fake_qemu(tmp_path, '-DMACHINES="pc   Standard PC"', "-g", "-Wl,--build-id")
    debug = tmp_path / "qemu-system-x86_64.debug"
    subprocess.run([objcopy, "--only-keep-debug", program, debug], check=True)
    subprocess.run([need_tool("strip"), program], check=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    *_, found = doctor.examine_host()
    assert (found.subject, found.ok, found.needed) == ("QEMU in PATH", True, False)
    assert found.text.endswith(f"with debug information in {debug}")
    debug.unlink()
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("limited QEMU in PATH"))
    assert "is stripped" in lines[first]
    assert lines[first + 1].startswith(" " * 24 + "-> ")
    rest = lines[first + 2 :]
    assert len(rest) > 3
    assert all(line.startswith(" " * 27) and line[27] != " " for line in rest), "the lines of a remedy are aligned"
    assert any("dnf debuginfo-install" in line for line in lines[first:])
