"""What is known of KVM against the host's <linux/kvm.h>, as its compiler sees it, and against its kernel."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from analyzer.kvm import exits, ioctl_arguments, struct_descriptions, struct_layouts
from analyzer.kvm.requests import descriptor_class, known_requests
from analyzer.kvm.struct_layouts import StructLayout
from analyzer.toml import load_toml
from tests.conftest import need, need_tool

INCLUDES = "#include <stdio.h>\n#include <stddef.h>\n#include <linux/kvm.h>\n#include <linux/version.h>\n"
KNOWN_KERNEL = 6 << 16 | 18 << 8  # the tables are complete up to this one
OTHER_ARCHITECTURES = re.compile(
    r"KVM_(S390|PPC|ARM)_\w+|KVM_CREATE_SPAPR_TCE(_64)?|KVM_ALLOCATE_RMA|KVM_DIRTY_TLB"
)
NO_REASONS = re.compile(r"KVM_EXIT_(IO_(IN|OUT)|(HYPERV|XEN|HYPERCALL|ARM_SEA)_\w+)")  # of what they are details
FAMILIES = [
    "KVM_DEV_TYPE_",
    "KVM_IRQCHIP_",
    "KVM_MP_STATE_",
    "KVM_SYSTEM_EVENT_",
    "KVM_INTERNAL_ERROR_",
    "KVM_MEM_",
]
PARTS = {"KVM_DEV_TYPE_MAX", "KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES"}
NEWER = {
    "CREATE_GUEST_MEMFD",
    "MEMORY_ATTRIBUTES",
    "PRE_FAULT",
    "RUN_MEMORY_FAULT",
}  # than the header of Linux 6.1
LAYOUTS = {
    name: value
    for name, value in vars(struct_layouts).items()
    if isinstance(value, StructLayout) and value.structure
}


class Header:
    """Asks the compiler what the header says."""

    def __init__(self, folder: Path) -> None:
        self.compiler = need_tool("gcc")
        self.folder = folder
        done = self._compile("#include <linux/kvm.h>\n", "-E", "-dM")
        need(done.returncode == 0, "linux/kvm.h")
        self.macros = dict(re.findall(r"^#define (KVM_\w+) (.+)$", done.stdout, re.MULTILINE))
        self.text = self._compile("#include <linux/kvm.h>\n", "-E").stdout

    def values(self, expressions: Iterable[str]) -> dict[str, int]:
        """What each expression is."""
        request = list(dict.fromkeys(expressions))
        prints = [f'  printf("%llu\\n", (unsigned long long)({expression}));' for expression in request]
        program = self.folder / "ask"
        done = self._compile(INCLUDES + "\n".join(["int main(void) {", *prints, "}"]), "-o", str(program))
        assert done.returncode == 0, done.stderr
        answer = subprocess.run([program], check=True, capture_output=True, text=True, timeout=10).stdout
        return dict(zip(request, map(int, answer.split()), strict=True))

    def has(self, layout: StructLayout) -> bool:
        """Whether the header knows the structure and its members; an old one lacks some."""
        members = [(field.member or field.name).partition("[")[0].split(".")[0] for field in layout.fields]
        body = re.search(rf"struct {layout.structure} \{{.*?^\}};", self.text, re.MULTILINE | re.DOTALL)
        return bool(body) and all(re.search(rf"\b{member}\b", body[0]) for member in members)

    def _compile(self, source: str, *options: str) -> subprocess.CompletedProcess[str]:
        command = [self.compiler, "-w", "-x", "c", *options, "-"]
        return subprocess.run(command, input=source, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def header(tmp_path_factory):
    return Header(tmp_path_factory.mktemp("header"))


def table(file: str, kind: str) -> dict[str, int]:
    return load_toml("analyzer.kvm", file)[kind]


def all_values() -> dict[str, int]:
    return {
        name: number for kind in load_toml("analyzer.kvm", "values.toml").values() for name, number in kind.items()
    }


def agree(header: Header, known: dict[str, int]) -> int:
    """Nothing the header has may be another number here. How many were compared."""
    shared = {name: number for name, number in known.items() if name in header.macros}
    assert header.values(shared) == shared
    return len(shared)


def complete(header: Header, known: Iterable[str], there: Iterable[str]) -> None:
    """What is there must be known, unless the header is newer than the tables."""
    newer = header.values(["LINUX_VERSION_CODE"])["LINUX_VERSION_CODE"] >> 8 << 8 > KNOWN_KERNEL
    assert newer or set(there) <= set(known), set(there) - set(known)


def test_requests_have_the_numbers_of_the_header_and_none_is_missing(header):
    known = {request.name: request.number for request in known_requests().values()}
    there = [name for name, text in header.macros.items() if re.search(r"\b_IOW?R?\(|__KVM_DEPRECATED_", text)]
    assert agree(header, known) > 100
    complete(header, known, (name for name in there if not OTHER_ARCHITECTURES.fullmatch(name)))


def test_capabilities_have_the_numbers_of_the_header_and_none_is_missing(header):
    known = table("capabilities.toml", "capability")
    assert agree(header, known) > 200
    complete(header, known, (name for name in header.macros if name.startswith("KVM_CAP_")))


def test_exit_reasons_have_the_numbers_of_the_header_and_none_is_missing(header):
    known = table("exits.toml", "exit")
    reasons = (name for name in header.macros if name.startswith("KVM_EXIT_") and not NO_REASONS.fullmatch(name))
    assert agree(header, known) > 35
    complete(header, known, reasons)


def test_values_inside_arguments_have_the_numbers_of_the_header_and_none_is_missing(header):
    assert agree(header, all_values()) > 35
    complete(header, all_values(), (n for n in header.macros if n.startswith(tuple(FAMILIES)) and n not in PARTS))


@pytest.mark.parametrize("module", [ioctl_arguments, exits, struct_descriptions])
def test_numbers_in_the_code_are_those_of_the_header(header, module):
    numbers = {name: number for name, number in vars(module).items() if name.startswith("KVM_")}
    assert agree(header, numbers) == len(numbers) > 0


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_fields_lie_where_the_compiler_puts_them(header, name):
    layout = LAYOUTS[name]
    if not header.has(layout):
        assert name in NEWER
        return
    for field in layout.fields:
        member = field.member or field.name
        offset = f"offsetof(struct {layout.structure}, {member})"
        size = f"sizeof(((struct {layout.structure} *)0)->{member})"
        assert header.values([offset, size]) == {offset: field.offset, size: field.end - field.offset}, field.name


def test_lists_of_msrs_and_structures_of_two_generations_are_laid_out_alike(header):
    facts = {
        "offsetof(struct kvm_msrs, entries)": struct_layouts.MSRS_HEAD,
        "sizeof(struct kvm_msr_entry)": struct_layouts.MSR_ENTRY_SIZE,
        "offsetof(struct kvm_cpuid, nent)": struct_layouts.CPUID.fields[0].offset,
        "offsetof(struct kvm_sregs2, cr0)": struct_layouts.SREGS.fields[2].offset,
        "offsetof(struct kvm_run, io)": 32,
    }
    assert header.values(facts) == facts


@pytest.fixture
def descriptors():
    """Of /dev/kvm, a machine and its processor; more can be added."""
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    opened = [os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)]
    try:
        opened.append(fcntl.ioctl(opened[0], 0xAE01, 0))  # KVM_CREATE_VM
        opened.append(fcntl.ioctl(opened[1], 0xAE41, 3))  # KVM_CREATE_VCPU
        yield opened
    finally:
        for fd in reversed(opened):
            os.close(fd)


def kinds(opened):
    return [descriptor_class(os.readlink(f"/proc/self/fd/{fd}")) for fd in opened]


def test_the_kernel_calls_its_descriptors_what_is_expected(descriptors):
    assert kinds(descriptors) == ["system", "vm", "vcpu"]


def test_the_kernel_calls_a_device_what_is_expected(descriptors):
    asked = bytearray(struct.pack("=III", 4, 0, 0))  # KVM_DEV_TYPE_VFIO
    try:
        fcntl.ioctl(descriptors[1], 0xC00CAEE0, asked)  # KVM_CREATE_DEVICE
    except OSError as error:
        need(False, f"a KVM that makes a device of type VFIO ({error.strerror})")
    descriptors.append(struct.unpack("=III", asked)[1])
    assert kinds(descriptors)[-1] == "device"
