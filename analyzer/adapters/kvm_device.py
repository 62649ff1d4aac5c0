"""Tests /dev/kvm by using it: opens it, creates a VM, runs a guest of two instructions.

Numbers and structures are those of <linux/kvm.h> for x86-64, the sequence that of the kernel's KVM API document.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import grp
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analyzer.errors import AnalyzerError

DEVICE = "/dev/kvm"
_GET_API_VERSION = 0xAE00
_CREATE_VM = 0xAE01
_GET_VCPU_MMAP_SIZE = 0xAE04
_CREATE_VCPU = 0xAE41
_SET_USER_MEMORY_REGION = 0x4020AE46
_RUN = 0xAE80
_GET_SREGS = 0x8138AE83
_SET_SREGS = 0x4138AE84
_SET_REGS = 0x4090AE82
_API_VERSION = 12
_EXIT_IO = 2
_GUEST_CODE = b"\xe6\x80\xf4"  # out %al, $0x80; hlt
_TCG_HINT = "Without KVM only `--accel tcg` works, which traces QEMU's translator instead."


def check_kvm() -> None:
    """Open /dev/kvm and create a VM. Raises AnalyzerError with the remedy when either fails."""
    with _virtual_machine():
        pass


def run_test_guest() -> None:
    """Run a guest that executes `out %al, $0x80`.

    Raises AnalyzerError unless the first KVM_RUN returns with exit reason KVM_EXIT_IO.
    """
    with _virtual_machine() as (kvm, vm):
        reason = _first_exit_reason(kvm, vm)
    if reason != _EXIT_IO:
        raise AnalyzerError(
            f"KVM ran a guest, which exited with reason {reason} instead of KVM_EXIT_IO ({_EXIT_IO}).",
            "See the kernel's log (dmesg). " + _TCG_HINT,
        )


@contextmanager
def _virtual_machine() -> Iterator[tuple[int, int]]:
    """File descriptors of /dev/kvm and of a new VM; both are closed at the end of the block."""
    kvm = _open_device()
    try:
        version = fcntl.ioctl(kvm, _GET_API_VERSION)
        if version != _API_VERSION:
            raise AnalyzerError(f"{DEVICE} has API version {version}; QEMU needs {_API_VERSION}.")
        vm = fcntl.ioctl(kvm, _CREATE_VM, 0)
    except OSError as error:
        raise AnalyzerError(
            f"{DEVICE} opens but cannot create a virtual machine: {error.strerror}.",
            "Is another hypervisor using the processor? See dmesg. " + _TCG_HINT,
        ) from None
    else:
        try:
            yield kvm, vm
        finally:
            os.close(vm)
    finally:
        os.close(kvm)


def _open_device() -> int:
    try:
        return os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        raise AnalyzerError(
            f"{DEVICE} does not exist: this kernel has no KVM.",
            "Load it (modprobe kvm_intel or kvm_amd), enable virtualisation in the firmware, or allow "
            "nested virtualisation. " + _TCG_HINT,
        ) from None
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM):
            raise AnalyzerError(f"{DEVICE} cannot be opened: {error.strerror}.", _TCG_HINT) from None
        raise AnalyzerError(
            f"This user has no permission to open {DEVICE}.",
            f"Join its group (sudo usermod -aG {_group()} $USER, then log in again), or as root run QEMU as root: "
            f"--user root. {_TCG_HINT}",
        ) from None


def _group() -> str:
    """The group that may open the device; "kvm", as udev has it, when that is root's."""
    with suppress(OSError, KeyError):
        if (gid := Path(DEVICE).stat().st_gid) != 0:
            return grp.getgrgid(gid).gr_name
    return "kvm"


def _first_exit_reason(kvm: int, vm: int) -> int:
    """Run the guest once; returns `exit_reason` of `struct kvm_run`. AnalyzerError when an ioctl fails."""
    with mmap.mmap(-1, mmap.PAGESIZE) as memory:
        memory.write(_GUEST_CODE)
        anchor = ctypes.c_char.from_buffer(memory)
        address = ctypes.addressof(anchor)
        vcpu = -1
        try:
            region = struct.pack("=IIQQQ", 0, 0, 0, mmap.PAGESIZE, address)  # slot, flags, guest address, …
            fcntl.ioctl(vm, _SET_USER_MEMORY_REGION, region)
            vcpu = fcntl.ioctl(vm, _CREATE_VCPU, 0)
            _set_start_address(vcpu)
            size = fcntl.ioctl(kvm, _GET_VCPU_MMAP_SIZE)
            with mmap.mmap(vcpu, size) as run:
                fcntl.ioctl(vcpu, _RUN, 0)
                return int(struct.unpack_from("=I", run, 8)[0])
        except OSError as error:
            raise AnalyzerError(f"KVM cannot run a guest here: {error.strerror}.", _TCG_HINT) from None
        finally:
            del anchor  # the mapping cannot be closed while something points into it
            if vcpu >= 0:
                os.close(vcpu)


def _set_start_address(vcpu: int) -> None:
    """Set code segment and instruction pointer to 0, in real mode."""
    sregs = bytearray(0x138)
    fcntl.ioctl(vcpu, _GET_SREGS, sregs)
    struct.pack_into("=Q", sregs, 0, 0)  # cs.base
    struct.pack_into("=H", sregs, 12, 0)  # cs.selector
    fcntl.ioctl(vcpu, _SET_SREGS, bytes(sregs))
    registers = struct.pack("=18Q", *[0] * 16, 0, 2)  # 16 general registers, rip, rflags
    fcntl.ioctl(vcpu, _SET_REGS, registers)
