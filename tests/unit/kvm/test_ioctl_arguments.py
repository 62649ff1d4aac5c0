"""Arguments and results of KVM's ioctls in words."""

from __future__ import annotations

import struct
from errno import E2BIG, EOPNOTSUPP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.kvm import number_names
from analyzer.kvm.ioctl_arguments import describe, describe_result
from analyzer.kvm.requests import known_requests

NUMBERS = {request.name: number for number, request in known_requests().items()}
BYTES = st.binary(max_size=320)


def pack(layout, *values):
    """Little-endian, without padding but what `layout` says."""
    return struct.pack("<" + layout, *values)


def short(value):
    """What a row is called in pytest's output: without its bytes."""
    return "" if isinstance(value, bytes) else None


def region(slot=0, flags=0, start=0, size=0):
    return pack("IIQQQ", slot, flags, start, size, 0x7F0000000000)


def sregs():
    return pack("QIH10x192x8xQ", 0xFFFF0000, 0xFFFF, 0xF000, 0x60000010)


NOT_POINTERS = [  # name, argument, what it returned, line
    ("KVM_CREATE_VM", 0, 10, "KVM_X86_DEFAULT_VM"),
    ("KVM_CREATE_VM", 5, 10, "KVM_X86_TDX_VM"),
    ("KVM_CREATE_VM", 77, -1, "machine type 77"),
    ("KVM_CREATE_VCPU", 3, 12, "id 3"),
    ("KVM_CHECK_EXTENSION", 3, 1, "KVM_CAP_USER_MEMORY: yes"),
    ("KVM_CHECK_EXTENSION", 3, 0, "KVM_CAP_USER_MEMORY: no"),
    ("KVM_CHECK_EXTENSION", 10, 32764, "KVM_CAP_NR_MEMSLOTS = 32764"),
    ("KVM_CHECK_EXTENSION", 10, -1, "KVM_CAP_NR_MEMSLOTS"),
    ("KVM_CHECK_EXTENSION", 10, None, "KVM_CAP_NR_MEMSLOTS"),
    ("KVM_CHECK_EXTENSION", 9999, 0, "KVM_CAP_9999: no"),
    ("KVM_SET_TSS_ADDR", 0xFFFBD000, 0, "address 0xfffbd000"),
    ("KVM_SET_BOOT_CPU_ID", 0, 0, "id 0"),
    ("KVM_SET_NR_MMU_PAGES", 1024, 0, "1024 pages"),
    ("KVM_SET_TSC_KHZ", 2400000, 0, "2400000 kHz"),
    ("KVM_SET_SIGNAL_MASK", 0, 0, "no mask"),
    ("KVM_GET_API_VERSION", 0, 12, ""),
    ("KVM_RUN", 0, 0, ""),
]

GIVEN = [  # name, memory when the call was made, line
    ("KVM_SET_USER_MEMORY_REGION", region(0, 0, 0, 0xA0000), "slot 0, 0x0-0x9ffff, 640 KiB"),
    (
        "KVM_SET_USER_MEMORY_REGION",
        region(0x10002, 3, 0xFFFC0000, 0x40000),
        "slot 2 of address space 1, 0xfffc0000-0xffffffff, 256 KiB, KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY",
    ),
    ("KVM_SET_USER_MEMORY_REGION", region(4, 0, 0xC0000, 0), "slot 4 removed"),
    (
        "KVM_SET_USER_MEMORY_REGION2",
        region(0, 0x14, 0, 1 << 31) + bytes(128),
        "slot 0, 0x0-0x7fffffff, 2 GiB, KVM_MEM_GUEST_MEMFD | 0x10",
    ),
    ("KVM_SET_MEMORY_ATTRIBUTES", pack("QQQQ", 0, 4096, 8, 0), "0x0-0xfff, 4 KiB, KVM_MEMORY_ATTRIBUTE_PRIVATE"),
    ("KVM_SET_MEMORY_ATTRIBUTES", pack("QQQQ", 0, 4096, 0, 0), "0x0-0xfff, 4 KiB, no attributes"),
    ("KVM_CREATE_GUEST_MEMFD", pack("QQ48x", 1 << 20, 0), "1 MiB"),
    ("KVM_PRE_FAULT_MEMORY", pack("QQQ40x", 0x1000, 0x2000, 0), "0x1000-0x2fff, 8 KiB"),
    ("KVM_GET_DIRTY_LOG", pack("IIQ", 2, 0, 0x7F0000000000), "slot 2"),
    ("KVM_CLEAR_DIRTY_LOG", pack("IIQQ", 2, 64, 128, 0x7F0000000000), "slot 2, 64 pages from page 0x80"),
    ("KVM_SET_CPUID2", pack("II", 71, 0), "71 entries"),
    ("KVM_SET_CPUID", pack("II", 1, 0), "1 entry"),
    ("KVM_SET_GSI_ROUTING", pack("II", 24, 0), "24 entries"),
    ("KVM_GET_MSRS", pack("II", 1, 0), "1 MSR"),
    ("KVM_GET_MSRS", pack("II IIQ", 1, 0, 0x10A, 0, 0), "1 MSR: 0x10a"),
    ("KVM_SET_MSRS", pack("II IIQ IIQ", 2, 0, 0x10, 0, 5, 0xC0000080, 0, 0), "2 MSRs: 0x10, 0xc0000080"),
    ("KVM_SET_MSRS", pack("II IIQ", 2, 0, 0x10, 0, 5), "2 MSRs"),
    ("KVM_SET_MSRS", pack("II", 90, 0) + bytes(90 * 16), "90 MSRs"),
    ("KVM_SET_MSRS", pack("II", 0, 0), "0 MSRs"),
    ("KVM_SET_IDENTITY_MAP_ADDR", pack("Q", 0xFEFFC000), "address 0xfeffc000"),
    ("KVM_CREATE_PIT2", pack("I60x", 1), "KVM_PIT_SPEAKER_DUMMY"),
    ("KVM_CREATE_PIT2", pack("I60x", 0), "no flags"),
    ("KVM_REINJECT_CONTROL", pack("B31x", 0), "disabled"),
    ("KVM_IRQ_LINE", pack("II", 4, 1), "irq 4, level 1"),
    ("KVM_SIGNAL_MSI", pack("IIIII12x", 0xFEE00000, 1, 0x4021, 0, 0), "address 0x1fee00000, data 0x4021"),
    ("KVM_IOEVENTFD", pack("QQIiI36x", 0, 0xFE0, 0, 7, 0), "memory 0xfe0, any length, assign"),
    ("KVM_IOEVENTFD", pack("QQIiI36x", 5, 0xB008, 2, 7, 3), "port 0xb008, 2 bytes, value 0x5, assign"),
    ("KVM_IOEVENTFD", pack("QQIiI36x", 5, 0xB008, 1, 7, 7), "port 0xb008, 1 byte, value 0x5, deassign"),
    ("KVM_IRQFD", pack("IIII16x", 9, 24, 0, 0), "gsi 24, assign"),
    ("KVM_IRQFD", pack("IIII16x", 9, 24, 2, 8), "gsi 24, assign, resample"),
    ("KVM_IRQFD", pack("IIII16x", 9, 24, 1, 0), "gsi 24, deassign"),
    ("KVM_REGISTER_COALESCED_MMIO", pack("QII", 0xA0000, 0x20000, 0), "memory 0xa0000-0xbffff, 128 KiB"),
    ("KVM_UNREGISTER_COALESCED_MMIO", pack("QII", 0xCF8, 1, 1), "port 0xcf8-0xcf8, 1 byte"),
    ("KVM_SET_IRQCHIP", pack("II512x", 2, 0), "KVM_IRQCHIP_IOAPIC"),
    ("KVM_GET_IRQCHIP", pack("II", 9, 0), "irqchip 9"),
    ("KVM_SET_MP_STATE", pack("I", 0), "KVM_MP_STATE_RUNNABLE"),
    ("KVM_SET_MP_STATE", pack("I", 99), "processor state 99"),
    ("KVM_SET_CLOCK", pack("QI36x", 1000, 2), "1000 ns, KVM_CLOCK_TSC_STABLE"),
    ("KVM_ENABLE_CAP", pack("IIQQQQ64x", 121, 0, 24, 0, 0, 0), "KVM_CAP_SPLIT_IRQCHIP: 0x18"),
    ("KVM_ENABLE_CAP", pack("IIQQQQ64x", 1, 0, 0, 2, 0, 0), "KVM_CAP_HLT: 0x0, 0x2"),
    ("KVM_ENABLE_CAP", pack("IIQQQQ64x", 1, 0, 0, 0, 0, 0), "KVM_CAP_HLT"),
    ("KVM_CREATE_DEVICE", pack("III", 4, 0, 1), "KVM_DEV_TYPE_VFIO, test only"),
    ("KVM_HAS_DEVICE_ATTR", pack("IIQQ", 0, 1, 2, 0x7F0000000000), "group 1, attribute 0x2"),
    ("KVM_SET_DEVICE_ATTR", pack("IIQQ", 0, 1, 2, 0x7F0000000000), "group 1, attribute 0x2"),
    ("KVM_SET_REGS", pack("128xQQ", 0xFFF0, 2), "rip 0xfff0, rflags 0x2"),
    ("KVM_SET_SREGS", sregs(), "cs 0xf000 at 0xffff0000, cr0 0x60000010"),
    ("KVM_SET_SREGS2", sregs(), "cs 0xf000 at 0xffff0000, cr0 0x60000010"),
    ("KVM_SET_XCRS", pack("IIIIQ", 1, 0, 0, 0, 7), "xcr0 0x7"),
    ("KVM_INTERRUPT", pack("I", 8), "irq 8"),
    ("KVM_TPR_ACCESS_REPORTING", pack("II32x", 1, 0), "enabled"),
    ("KVM_SET_VAPIC_ADDR", pack("Q", 0xFEE00080), "address 0xfee00080"),
    ("KVM_SET_SIGNAL_MASK", pack("I", 8), "8 bytes"),
    ("KVM_X86_SETUP_MCE", pack("Q", 0x10A), "10 banks, 0x10a"),
    ("KVM_SET_ONE_REG", pack("QQ", 0x2030000000000011, 0x7F0000000000), "register 0x2030000000000011"),
    ("KVM_SET_LAPIC", bytes(256), ""),
    ("KVM_SET_XSAVE", bytes(256), ""),
]

FILLED = [  # name, memory when the call had returned, line
    ("KVM_GET_REGS", pack("128xQQ", 0xFFF0, 2), "rip 0xfff0, rflags 0x2"),
    ("KVM_GET_SREGS", sregs(), "cs 0xf000 at 0xffff0000, cr0 0x60000010"),
    ("KVM_GET_MP_STATE", pack("I", 1), "KVM_MP_STATE_UNINITIALIZED"),
    ("KVM_GET_CLOCK", pack("QI36x", 7, 0), "7 ns"),
    ("KVM_GET_XCRS", pack("IIIIQ", 1, 0, 0, 0, 7), "xcr0 0x7"),
    ("KVM_X86_GET_MCE_CAP_SUPPORTED", pack("Q", 0x1000020), "32 banks, 0x1000020"),
    ("KVM_GET_SUPPORTED_CPUID", pack("II", 71, 0), "71 entries"),
    ("KVM_GET_MSR_INDEX_LIST", pack("I", 1), "1 index"),
    ("KVM_GET_MSR_FEATURE_INDEX_LIST", pack("I", 30), "30 indices"),
]


@pytest.mark.parametrize(("name", "argument", "returned", "line"), NOT_POINTERS)
def test_an_argument_that_is_a_number_is_told(name, argument, returned, line):
    assert describe(NUMBERS[name], argument, b"", b"", returned) == line


@pytest.mark.parametrize(("name", "before", "line"), GIVEN, ids=short)
@pytest.mark.parametrize("returned", [0, -1, None])
def test_what_is_handed_in_is_told_whatever_came_back(name, before, line, returned):
    assert describe(NUMBERS[name], 0x7FFE0000, before, b"", returned) == line


@pytest.mark.parametrize(("name", "after", "line"), FILLED, ids=short)
def test_what_the_kernel_fills_in_is_told_when_it_did(name, after, line):
    assert describe(NUMBERS[name], 0x7FFE0000, bytes(len(after)), after, 0) == line


@pytest.mark.parametrize(("name", "after", "line"), FILLED, ids=short)
@pytest.mark.parametrize("returned", [-1, None])
def test_what_the_kernel_did_not_fill_in_is_left_out(name, after, line, returned):
    assert describe(NUMBERS[name], 0x7FFE0000, b"", after, returned) == ""


@pytest.mark.parametrize(("name", "memory", "line"), [row for row in GIVEN + FILLED if row[2]], ids=short)
def test_memory_that_could_not_be_read_says_nothing(name, memory, line):
    assert describe(NUMBERS[name], 0x7FFE0000, b"", b"", 0) == ""


@pytest.mark.parametrize(("name", "memory", "line"), [row for row in GIVEN + FILLED if row[2]], ids=short)
def test_memory_read_in_part_gives_the_whole_line_or_less_but_nothing_wrong(name, memory, line):
    said = {describe(NUMBERS[name], 0x7FFE0000, memory[:end], memory[:end], 0) for end in range(len(memory))}
    whole = describe(NUMBERS[name], 0x7FFE0000, memory, memory, 0)
    assert all(text == "" or whole.startswith(text) for text in said)
    assert "" in said


@pytest.mark.parametrize(
    ("room", "found", "returned", "line"),
    [
        (1, None, -1, "room for 1 index"),
        (0, 112, -1, "room for 0 indices, 112 needed"),
        (5, 5, -1, "room for 5 indices"),
        (112, 112, 0, "112 indices"),
        (112, None, 0, ""),
        (None, 112, -1, ""),
    ],
)
def test_a_list_that_is_too_short_says_how_much_room_there_was_and_is_needed(room, found, returned, line):
    before, after = (b"" if number is None else pack("I", number) for number in (room, found))
    assert describe(NUMBERS["KVM_GET_MSR_INDEX_LIST"], 0x7FFE0000, before, after, returned) == line


def test_a_device_has_its_descriptor_in_the_structure():
    asked, made = pack("III", 4, 0, 0), pack("III", 4, 14, 0)
    request = NUMBERS["KVM_CREATE_DEVICE"]
    assert describe(request, 0x7FFE0000, asked, made, 0) == "KVM_DEV_TYPE_VFIO, fd 14"
    assert describe(request, 0x7FFE0000, asked, asked, -1) == "KVM_DEV_TYPE_VFIO"
    assert describe(request, 0x7FFE0000, asked, b"", 0) == "KVM_DEV_TYPE_VFIO"
    assert describe(request, 0x7FFE0000, pack("III", 99, 0, 0), b"", -1) == "device type 99"


def test_an_interrupt_line_tells_what_became_of_it():
    request, line = NUMBERS["KVM_IRQ_LINE_STATUS"], pack("II", 4, 1)
    assert describe(request, 0x7FFE0000, line, pack("iI", 1, 1), 0) == "irq 4, level 1, status 1"
    assert describe(request, 0x7FFE0000, line, pack("iI", -1, 1), 0) == "irq 4, level 1, status -1"
    assert describe(request, 0x7FFE0000, line, line, -1) == "irq 4, level 1"


@pytest.mark.parametrize(
    ("name", "returned", "error", "word"),
    [
        ("KVM_GET_API_VERSION", 12, 0, "12"),
        ("KVM_CREATE_VM", 11, 0, "fd 11"),
        ("KVM_CREATE_VCPU", 12, 0, "fd 12"),
        ("KVM_GET_STATS_FD", 13, 0, "fd 13"),
        ("KVM_CREATE_GUEST_MEMFD", 14, 0, "fd 14"),
        ("KVM_CREATE_DEVICE", 0, 0, "0"),
        ("KVM_CREATE_VM", -1, 0, "-1"),
        ("KVM_GET_SUPPORTED_CPUID", -1, E2BIG, "-1 E2BIG"),
        ("KVM_TRACE_ENABLE", -1, EOPNOTSUPP, "-1 EOPNOTSUPP"),
        ("KVM_RUN", -1, 9999, "-1 errno 9999"),
        ("KVM_RUN", 0, 4, "0"),
        ("KVM_RUN", None, 0, ""),
    ],
)
def test_a_result_is_a_number_a_descriptor_or_an_error(name, returned, error, word):
    assert describe_result(NUMBERS[name], returned, error) == word


@given(
    st.sampled_from(sorted(NUMBERS.values())) | st.integers(),
    st.integers(-(2**63), 2**64),
    BYTES,
    BYTES,
    st.none() | st.integers(-(2**31), 2**31),
)
def test_no_memory_is_too_strange_to_be_told_of(request_, argument, before, after, returned):
    line = describe(request_, argument, before, after, returned)
    assert "\n" not in line
    assert line == describe(request_, argument, before, after, returned)
    assert isinstance(describe_result(request_, returned, argument), str)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1000, "1000 bytes"),
        (1024, "1 KiB"),
        (0xA0000, "640 KiB"),
        (3 << 29, "1536 MiB"),
        (1 << 40, "1 TiB"),
    ],
)
def test_a_size_is_told_in_the_largest_unit_without_a_fraction(number, text):
    assert number_names.size(number) == text


def test_a_range_of_nothing_has_no_last_address():
    assert number_names.address_range(0x1000, 0) == "0x1000, 0 bytes"
