"""KVM's ioctl requests: their names, the kernel functions that serve them, and the kinds of descriptors.

The table is `requests.toml`; a new request needs a row there and nothing here.
A request is 32 bits, as include/uapi/asm-generic/ioctl.h defines: command (8 bits), type (8), size of the argument
in bytes (14), direction (2). The kernel ignores higher bits: a number with its sign extended, as
old QEMU passes it (its wrappers take an `int`), is the same request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from analyzer.toml import load_toml

KVM_RUN = 0xAE80  # linux/kvm.h

_MACROS = {0: "_IO", 1: "_IOW", 2: "_IOR", 3: "_IOWR"}  # direction, as the program sees it -> macro
_ARCH = "arch"
# Names of the kernel's anonymous files (virt/kvm/kvm_main.c). A device's is `kvm_device_ops.name`, which begins
# with kvm-. Statistics (kvm-vm-stats, kvm-vcpu-stats:0) and guest memory ([kvm-gmem]) take no ioctl of KVM.
_DESCRIPTORS = (
    ("system", re.compile(r"/dev/kvm")),
    ("vm", re.compile(r"anon_inode:\[?kvm-vm\]?")),
    ("vcpu", re.compile(r"anon_inode:\[?kvm-vcpu(:\d+)?\]?")),
    ("", re.compile(r"anon_inode:\[?kvm-(vm-stats|vcpu-stats(:\d+)?|gmem)\]?")),
    ("device", re.compile(r"anon_inode:\[?kvm-[\w-]+\]?")),
)


@dataclass(frozen=True)
class KvmRequest:
    """One row of requests.toml. `handlers`: class of descriptor -> the kernel's functions, outermost first."""

    name: str
    number: int
    handlers: dict[str, tuple[str, ...]]


@cache
def known_requests() -> dict[int, KvmRequest]:
    """All requests of requests.toml: number (32 bits) -> request."""
    data = load_toml(__package__, "requests.toml")
    requests = (_request(name, dict(row), data) for name, row in data["requests"].items())
    return {request.number: request for request in requests}


def name_of(request: int) -> str:
    """The request's name in linux/kvm.h; for an unknown number its macro: `_IOWR(0xae, 0x99, 16)`."""
    known = known_requests().get(_low_32_bits(request))
    return known.name if known else _macro_call(_low_32_bits(request))


def handler_of(request: int, descriptor: str) -> tuple[str, ...]:
    """The kernel's functions that serve `request` on a descriptor of a class, outermost first.

    `descriptor` is a class of `descriptor_class`. The functions are documented, not observed. () for an unknown
    request, and for one that such a descriptor does not take.
    """
    known = known_requests().get(_low_32_bits(request))
    return known.handlers.get(descriptor, ()) if known else ()


def descriptor_class(file: str) -> str:
    """The class of a descriptor, which decides its requests: system, vm, vcpu, device; "" if not KVM's.

    `file` is the target of /proc/PID/fd/N, such as `anon_inode:kvm-vcpu:0`; old kernels leave the `:0` out.
    """
    return next((name for name, pattern in _DESCRIPTORS if pattern.fullmatch(file)), "")


def _request(name: str, row: dict[str, Any], data: dict[str, Any]) -> KvmRequest:
    number = row.pop("number")
    handlers = {
        descriptor: tuple(filter(None, (data["entry"][descriptor], _inner_handler(function, descriptor, data))))
        for descriptor, function in row.items()
    }
    return KvmRequest(name, number, handlers)


def _inner_handler(function: str, descriptor: str, data: dict[str, Any]) -> str:
    return str(data[_ARCH][descriptor]) if function == _ARCH else function


def _low_32_bits(request: int) -> int:
    return request & 0xFFFFFFFF


def _size(request: int) -> int:
    return request >> 16 & 0x3FFF


def _macro_call(request: int) -> str:
    direction, size, kind, command = request >> 30, _size(request), request >> 8 & 0xFF, request & 0xFF
    if direction == 0 and size:  # no macro gives a size without a direction
        return f"_IOC(_IOC_NONE, 0x{kind:02x}, 0x{command:02x}, {size})"
    argument = f", {size}" if direction else ""
    return f"{_MACROS[direction]}(0x{kind:02x}, 0x{command:02x}{argument})"
