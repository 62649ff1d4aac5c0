"""KVM's ioctl requests: their names, who in the kernel serves them, and what a descriptor is.

A request is 32 bits, as include/uapi/asm-generic/ioctl.h puts it together: command (8 bits), type (8), size of the
argument in bytes (14), direction (2). The kernel looks at no more, so a number that was widened with its sign, as
QEMU did until its wrappers took an `unsigned long`, is the same request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from analyzer.toml import load_toml

KVM_RUN = 0xAE80

_MACROS = {0: "_IO", 1: "_IOW", 2: "_IOR", 3: "_IOWR"}  # by direction, as the program sees it
_ARCH = "arch"
# What the kernel calls its anonymous files: those of devices after `kvm_device_ops.name`, which always begins with
# kvm-; statistics (kvm-vm-stats, kvm-vcpu-stats:0) and guest memory ([kvm-gmem]) take no ioctl of KVM's.
_DESCRIPTORS = (
    ("system", re.compile(r"/dev/kvm")),
    ("vm", re.compile(r"anon_inode:\[?kvm-vm\]?")),
    ("vcpu", re.compile(r"anon_inode:\[?kvm-vcpu(:\d+)?\]?")),
    ("", re.compile(r"anon_inode:\[?kvm-(vm-stats|vcpu-stats(:\d+)?|gmem)\]?")),
    ("device", re.compile(r"anon_inode:\[?kvm-[\w-]+\]?")),
)


@dataclass(frozen=True)
class KvmRequest:
    """One request of the table. `served` has the kernel's functions, outermost first, by class of descriptor."""

    name: str
    number: int
    served: dict[str, tuple[str, ...]]


@cache
def known_requests() -> dict[int, KvmRequest]:
    """All requests of `requests.toml` by number."""
    data = load_toml(__package__, "requests.toml")
    requests = (_request(name, dict(row), data) for name, row in data["requests"].items())
    return {request.number: request for request in requests}


def name_of(request: int) -> str:
    """The name in linux/kvm.h; for a number that is not there the macro that makes it: `_IOWR(0xae, 0x99, 16)`."""
    known = known_requests().get(_significant(request))
    return known.name if known else _encoded(_significant(request))


def handler_of(request: int, descriptor: str) -> tuple[str, ...]:
    """The kernel's functions that serve it on a descriptor of that class, outermost first.

    The classes are those of `descriptor_class`. The functions are documented, not observed; there are none for a
    request that is not known, or not on such a descriptor.
    """
    known = known_requests().get(_significant(request))
    return known.served.get(descriptor, ()) if known else ()


def descriptor_class(file: str) -> str:
    """What requests a descriptor takes: system, vm, vcpu, device; "" when it is not one of KVM's.

    `file` is what /proc/PID/fd says. Old kernels leave the number of the processor out.
    """
    return next((name for name, pattern in _DESCRIPTORS if pattern.fullmatch(file)), "")


def _request(name: str, row: dict[str, Any], data: dict[str, Any]) -> KvmRequest:
    number = row.pop("number")
    served = {
        descriptor: tuple(filter(None, (data["entry"][descriptor], _below(function, descriptor, data))))
        for descriptor, function in row.items()
    }
    return KvmRequest(name, number, served)


def _below(function: str, descriptor: str, data: dict[str, Any]) -> str:
    return str(data[_ARCH][descriptor]) if function == _ARCH else function


def _significant(request: int) -> int:
    return request & 0xFFFFFFFF


def _size(request: int) -> int:
    return request >> 16 & 0x3FFF


def _encoded(request: int) -> str:
    direction, size, kind, command = request >> 30, _size(request), request >> 8 & 0xFF, request & 0xFF
    if direction == 0 and size:  # no macro gives a size without a direction
        return f"_IOC(_IOC_NONE, 0x{kind:02x}, 0x{command:02x}, {size})"
    argument = f", {size}" if direction else ""
    return f"{_MACROS[direction]}(0x{kind:02x}, 0x{command:02x}{argument})"
