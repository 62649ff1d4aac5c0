"""The ioctl log of a small program whose source lists its ioctls."""

from __future__ import annotations

import os

import pytest

from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.recording import Recording
from tests.conftest import need
from tests.gdb.conftest import PROGRAMS


@pytest.fixture
def recording(build, record) -> Recording:
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    return record(build(PROGRAMS / "bypass.c"), ["main"], ioctl_log=True)


def test_each_request_stands_there_in_order_with_its_argument_and_answer(recording):
    calls = [(line.descriptor, line.request, line.argument, line.result) for line in ioctl_log(recording)]
    vm = next(entry.returned for entry in recording.ioctl_log if entry.request == 0xAE01)
    assert calls[:4] == [
        ("system", "KVM_GET_API_VERSION", "", "12"),
        ("system", "KVM_CHECK_EXTENSION", "KVM_CAP_USER_MEMORY: yes", "1"),
        ("system", "KVM_CREATE_VM", "KVM_X86_DEFAULT_VM", f"fd {vm}"),
        ("vm", "KVM_SET_USER_MEMORY_REGION", calls[3][2], "-1 EINVAL"),
    ]
    assert calls[3][2].startswith("slot 3")
    assert calls[4][:2] == ("system", "KVM_GET_MSR_INDEX_LIST")
    assert "room for 0" in calls[4][2]
    assert calls[4][3] == "-1 E2BIG"
    assert calls[5][1:] == ("_IOWR(0xae, 0xfe, 8)", "", calls[5][3])
    assert calls[5][3].startswith("-1 E")
    assert calls[6] == ("vm", "KVM_SET_TSS_ADDR", "address 0xfffbd000", "0")


def test_a_call_that_bypasses_ioctl_is_there_with_its_stack(recording):
    line = next(line for line in ioctl_log(recording) if line.request == "KVM_CREATE_VM")
    assert [function.name for _, function in line.chain] == ["main"]


def test_the_handler_in_the_kernel_is_named_as_documented(recording):
    for line in ioctl_log(recording):
        assert not line.observed
    handlers = {line.request: line.kernel for line in ioctl_log(recording)}
    assert handlers["KVM_CREATE_VM"][0] == "kvm_dev_ioctl"
    assert handlers["KVM_SET_USER_MEMORY_REGION"][0] == "kvm_vm_ioctl"
    assert handlers["_IOWR(0xae, 0xfe, 8)"] == ()


def test_other_system_calls_and_descriptors_are_not_in_it(recording, build, record):
    assert len(recording.ioctl_log) == 7
    asked = record(build(PROGRAMS / "ioctl.c"), ["main"], ioctl_log=True).ioctl_log
    assert [entry.request for entry in asked] == [0xAE01, 0xAE41, 0xAE41]
    assert asked[2].returned == -17


def test_a_full_log_says_so_and_costs_nothing_more(build, record):
    prepare = ["python import gdbscripts.ioctls", "python gdbscripts.ioctls._MAX_RECORDS = 3"]
    recording = record(build(PROGRAMS / "bypass.c"), ["main"], ioctl_log=True, prepare=prepare)
    assert len(recording.ioctl_log) == 3
    assert recording.notes == ("no more than 3 ioctls recorded",)
    assert all(entry.returned is not None for entry in recording.ioctl_log)


def test_a_call_that_a_signal_holds_up_before_its_first_instruction_is_one(build, record):
    """The handler comes back to the breakpoint, which is met once more."""
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    recording = record(build(PROGRAMS / "signalled_ioctl.c"), ["main"], ioctl_log=True)
    assert len(recording.ioctl_log) == 40
    assert all(entry.returned == 1 for entry in recording.ioctl_log)
