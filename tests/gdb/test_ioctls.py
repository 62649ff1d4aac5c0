"""Ioctls on KVM descriptors: which descriptor, which request, what came back."""

from __future__ import annotations

import os

from gdbscripts.plan import PlannedMilestone
from tests.conftest import need
from tests.gdb.conftest import PROGRAMS

CREATE_VM = PlannedMilestone("vm", "VM", True, ["ioctl"], "KVM_CREATE_VM", 0xAE01, returns=True)
CREATE_VCPU = PlannedMilestone("vcpu", "vCPU", True, ["ioctl"], "KVM_CREATE_VCPU", 0xAE41, returns=True)


def test_ioctls_are_recorded_with_descriptor_request_and_result(build, record):
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    recording = record(build(PROGRAMS / "ioctl.c"), steps=[CREATE_VM, CREATE_VCPU])
    vm, *vcpus = [stop.ioctl for stop in recording.stops]
    assert (vm.request, vm.file) == ("KVM_CREATE_VM", "/dev/kvm")
    assert [(call.request, call.file, call.fd) for call in vcpus] == [
        ("KVM_CREATE_VCPU", "anon_inode:kvm-vm", vm.returned)
    ] * 2, "the call on a pipe is not KVM's"
    assert vm.returned > vm.fd
    assert vcpus[0].returned > vm.returned
    assert vcpus[1].returned == -1


def test_a_step_ends_with_its_limit(build, record):
    once = PlannedMilestone("vcpu", "vCPU", True, ["ioctl"], "KVM_CREATE_VCPU", 0xAE41, limit=1)
    recording = record(build(PROGRAMS / "ioctl.c"), steps=[once])
    assert len(recording.stops) == 1
