"""Why KVM_RUN came back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.kvm.exits import DecodedExit, decode_exit

RUN = struct.Struct("<8xIBBHQQ")  # up to the union at 32


def run(reason, layout="", *values, cr8=0):
    """The first bytes of a struct kvm_run that was left for `reason`."""
    head = RUN.pack(reason, 0, 0, 0, cr8, 0xFEE00000)
    return (head + struct.pack("<" + layout, *values)).ljust(128, b"\0")  # as much as is recorded


def io(direction, size, port, count=1):
    return run(2, "BBHIQ", direction, size, port, count, 0x1000)


def mmio(address, data, length, is_write):
    return run(6, "Q8sIB", address, data, length, is_write)


EXITS = [
    (run(5), DecodedExit("KVM_EXIT_HLT")),
    (run(7), DecodedExit("KVM_EXIT_IRQ_WINDOW_OPEN")),
    (run(8), DecodedExit("KVM_EXIT_SHUTDOWN")),
    (run(10), DecodedExit("KVM_EXIT_INTR")),
    (run(0, "Q", 0x30), DecodedExit("KVM_EXIT_UNKNOWN", detail="hardware reason 0x30")),
    (run(1, "II", 14, 2), DecodedExit("KVM_EXIT_EXCEPTION", detail="exception 14, error code 0x2")),
    (run(3, "Q", 12), DecodedExit("KVM_EXIT_HYPERCALL", detail="hypercall 12")),
    (run(4, "IIQ", 1, 0, 0x7C00), DecodedExit("KVM_EXIT_DEBUG", detail="exception 1, pc 0x7c00")),
    (run(9, "QI", 0x80000021, 0), DecodedExit("KVM_EXIT_FAIL_ENTRY", detail="hardware reason 0x80000021")),
    (run(11, cr8=5), DecodedExit("KVM_EXIT_SET_TPR", detail="cr8 0x5")),
    (run(12, "QI", 0x100, 1), DecodedExit("KVM_EXIT_TPR_ACCESS", "write", detail="rip 0x100")),
    (run(17, "II", 1, 0), DecodedExit("KVM_EXIT_INTERNAL_ERROR", detail="KVM_INTERNAL_ERROR_EMULATION")),
    (run(17, "II", 99, 0), DecodedExit("KVM_EXIT_INTERNAL_ERROR", detail="internal error 99")),
    (run(24, "II", 2, 0), DecodedExit("KVM_EXIT_SYSTEM_EVENT", detail="KVM_SYSTEM_EVENT_RESET")),
    (run(26, "B", 0x31), DecodedExit("KVM_EXIT_IOAPIC_EOI", detail="vector 49")),
    (run(29, "8xIIQ", 2, 0x122, 0), DecodedExit("KVM_EXIT_X86_RDMSR", "read", 0x122, 8, 1)),
    (run(30, "8xIIQ", 2, 0x122, 7), DecodedExit("KVM_EXIT_X86_WRMSR", "write", 0x122, 8, 1, 7)),
    (
        run(39, "QQQ", 8, 0x1000, 0x2000),
        DecodedExit("KVM_EXIT_MEMORY_FAULT", "", 0x1000, 0x2000, detail="KVM_MEMORY_EXIT_FLAG_PRIVATE"),
    ),
    (run(999), DecodedExit("KVM_EXIT_999")),
    (mmio(0xFED00000, b"\x78\x56\x34\x12\xff\xff\xff\xff", 4, 1),
     DecodedExit("KVM_EXIT_MMIO", "write", 0xFED00000, 4, 1, 0x12345678)),
    (mmio(0xA0000, b"\x01\x02\x03\x04\x05\x06\x07\x08", 8, 1),
     DecodedExit("KVM_EXIT_MMIO", "write", 0xA0000, 8, 1, 0x0807060504030201)),
    (mmio(0xFED00000, b"left over", 4, 0), DecodedExit("KVM_EXIT_MMIO", "read", 0xFED00000, 4, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("bytes_", "exit_"), EXITS)
def test_an_exit_says_why_and_with_what(bytes_, exit_):
    assert decode_exit(bytes_) == exit_


@pytest.mark.parametrize(
    ("bytes_", "data", "exit_"),
    [
        (io(1, 1, 0x80), b"\xaa\xbb", DecodedExit("KVM_EXIT_IO", "out", 0x80, 1, 1, 0xAA)),
        (io(1, 4, 0xCF8), b"\0\0\0\x80", DecodedExit("KVM_EXIT_IO", "out", 0xCF8, 4, 1, 0x80000000)),
        (io(0, 2, 0x1F0, 256), b"\x34\x12", DecodedExit("KVM_EXIT_IO", "in", 0x1F0, 2, 256, 0x1234)),
        (io(1, 2, 0x80), b"\xaa", DecodedExit("KVM_EXIT_IO", "out", 0x80, 2, 1, None)),
        (io(1, 1, 0x80), b"", DecodedExit("KVM_EXIT_IO", "out", 0x80, 1, 1, None)),
        (io(1, 200, 0x80), bytes(256), DecodedExit("KVM_EXIT_IO", "out", 0x80, 200, 1, None)),
    ],
)
def test_a_port_access_has_its_value_in_the_data_beside_the_structure(bytes_, data, exit_):
    assert decode_exit(bytes_, data) == exit_


@pytest.mark.parametrize(("bytes_", "exit_"), [*EXITS, (io(1, 1, 0x80), None)])
def test_a_structure_read_in_part_gives_its_reason_at_most(bytes_, exit_):
    assert decode_exit(bytes_[:11]) == DecodedExit("")
    assert decode_exit(bytes_[:12]).reason == decode_exit(bytes_).reason
    assert decode_exit(bytes_[:12]) == DecodedExit(decode_exit(bytes_).reason)


@given(st.integers(0, 60), st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 300))
def test_no_structure_is_too_strange_to_be_decoded(reason, union, data, length):
    bytes_ = (RUN.pack(reason, 0, 0, 0, 0, 0) + union)[:length]
    exit_ = decode_exit(bytes_, data)
    assert exit_.reason.startswith("KVM_EXIT_") == (len(bytes_) >= 12)
    assert exit_ == decode_exit(bytes_, data)
    assert exit_.direction in ("", "in", "out", "read", "write")
