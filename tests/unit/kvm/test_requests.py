"""Requests by name, who serves them, and what descriptors are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.kvm.requests import descriptor_class, handler_of, known_requests, name_of

REQUESTS = st.integers(0, 2**32 - 1)
DIRECTIONS = {"_IO": 0, "_IOW": 1, "_IOR": 2, "_IOWR": 3, "_IOC": 0}


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (0xAE00, "KVM_GET_API_VERSION"),
        (0xAE80, "KVM_RUN"),
        (0x4020AE46, "KVM_SET_USER_MEMORY_REGION"),
        (0x4010AE67, "KVM_REGISTER_COALESCED_MMIO"),
        (0xC008AE67, "KVM_IRQ_LINE_STATUS"),  # the same command, told apart by direction and size
        (0xC040AED4, "KVM_CREATE_GUEST_MEMFD"),
        (0xC010AE99, "_IOWR(0xae, 0x99, 16)"),
        (0x5401, "_IO(0x54, 0x01)"),
        (0x400454CA, "_IOW(0x54, 0xca, 4)"),
        (0x80045430, "_IOR(0x54, 0x30, 4)"),
        (0x00045430, "_IOC(_IOC_NONE, 0x54, 0x30, 4)"),
    ],
)
def test_a_request_has_the_name_of_the_header_or_the_macro_that_makes_it(request_, name):
    assert name_of(request_) == name


def test_a_request_widened_with_its_sign_is_the_same_request():
    assert name_of(0xFFFFFFFFC008AE05) == name_of(0xC008AE05 - 2**32) == "KVM_GET_SUPPORTED_CPUID"
    assert handler_of(0xC008AE05 - 2**32, "system") == ("kvm_dev_ioctl", "kvm_arch_dev_ioctl")


@given(REQUESTS)
def test_the_macro_of_an_unknown_request_makes_that_request(request_):
    name = name_of(request_)
    if request_ in known_requests():
        assert name == known_requests()[request_].name
        return
    macro, *arguments = re.findall(r"\w+", name)
    kind, command, size = [*(int(text, 0) for text in arguments if text != "_IOC_NONE"), 0][:3]
    assert DIRECTIONS[macro] << 30 | size << 16 | kind << 8 | command == request_


@given(st.integers())
def test_no_number_is_too_strange_to_be_named(request_):
    assert name_of(request_) == name_of(request_)
    assert name_of(request_) == name_of(request_ & 0xFFFFFFFF)


def test_the_table_holds_requests_of_kvm_once_each_in_the_order_of_their_commands():
    numbers = list(known_requests())
    assert all(number >> 8 & 0xFF == 0xAE for number in numbers)
    assert numbers == sorted(numbers, key=lambda number: (number & 0xFF, number))
    assert len({request.name for request in known_requests().values()}) == len(numbers)


def test_every_request_is_served_by_the_entry_of_its_descriptors():
    entries = {
        "system": "kvm_dev_ioctl",
        "vm": "kvm_vm_ioctl",
        "vcpu": "kvm_vcpu_ioctl",
        "device": "kvm_device_ioctl",
    }
    for request in known_requests().values():
        assert request.handlers, request.name
        for descriptor, functions in request.handlers.items():
            assert functions[0] == entries[descriptor]
            assert len(functions) <= 2
            assert all(re.fullmatch(r"kvm_\w+", function) for function in functions)


@pytest.mark.parametrize(
    ("request_", "descriptor", "functions"),
    [
        (0xAE00, "system", ("kvm_dev_ioctl",)),
        (0xAE01, "system", ("kvm_dev_ioctl", "kvm_dev_ioctl_create_vm")),
        (0xAE03, "vm", ("kvm_vm_ioctl", "kvm_vm_ioctl_check_extension_generic")),
        (0xAE47, "vm", ("kvm_vm_ioctl", "kvm_arch_vm_ioctl")),
        (0xC008AE88, "system", ("kvm_dev_ioctl", "kvm_arch_dev_ioctl")),
        (0xC008AE88, "vcpu", ("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl")),
        (0xAE80, "vcpu", ("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run")),
        (0x4018AEE1, "device", ("kvm_device_ioctl", "kvm_device_ioctl_attr")),
        (0xAE80, "vm", ()),
        (0xAE80, "", ()),
        (0xAE80, "nonsense", ()),
        (0x5401, "vm", ()),
    ],
)
def test_who_serves_a_request_depends_on_the_descriptor(request_, descriptor, functions):
    assert handler_of(request_, descriptor) == functions


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/dev/kvm", "system"),
        ("anon_inode:kvm-vm", "vm"),
        ("anon_inode:[kvm-vm]", "vm"),
        ("anon_inode:kvm-vcpu", "vcpu"),
        ("anon_inode:kvm-vcpu:0", "vcpu"),
        ("anon_inode:kvm-vcpu:255", "vcpu"),
        ("anon_inode:[kvm-vcpu:3]", "vcpu"),
        ("anon_inode:kvm-vfio", "device"),
        ("anon_inode:kvm-arm-vgic-v3", "device"),
        ("anon_inode:kvm-vm-stats", ""),
        ("anon_inode:kvm-vcpu-stats:0", ""),
        ("anon_inode:[kvm-gmem]", ""),
        ("anon_inode:[eventfd]", ""),
        ("/dev/kvm2", ""),
        ("/home/me/anon_inode:kvm-vm", ""),
        ("socket:[1234]", ""),
        ("", ""),
    ],
)
def test_a_descriptor_is_known_by_what_the_kernel_calls_its_file(file, kind):
    assert descriptor_class(file) == kind
