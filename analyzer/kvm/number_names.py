"""Names of the numbers of KVM's interface: capabilities, exit reasons, values, flags; sizes and address ranges.

The numbers are in exits.toml, capabilities.toml and values.toml, from linux/kvm.h and asm/kvm.h.
"""

from __future__ import annotations

from functools import cache

from analyzer.text import number_of
from analyzer.toml import load_toml

_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def capability(number: int) -> str:
    """The name of a capability, `KVM_CAP_USER_MEMORY`; `KVM_CAP_999` for a number that is not in the table."""
    return _names("capabilities.toml", "capability").get(number, f"KVM_CAP_{number}")


def exit_reason(number: int) -> str:
    """The name of an exit reason, `KVM_EXIT_IO`; `KVM_EXIT_999` for a number that is not in the table."""
    return _names("exits.toml", "exit").get(number, f"KVM_EXIT_{number}")


def value(kind: str, number: int) -> str:
    """The name in the table `kind` of values.toml; `irqchip 7` for a number that is not in the table.

    KeyError when values.toml has no table `kind`.
    """
    return _names("values.toml", kind).get(number, f"{kind.replace('_', ' ')} {number}")


def flags(kind: str, bits: int) -> str:
    """The flags that are set, by their names in the table `kind` of values.toml, joined by ` | `; "" for none.

    Bits without a name follow as one hexadecimal number. KeyError when values.toml has no table `kind`.
    """
    names = [name for bit, name in _names("values.toml", kind).items() if bits & bit]
    unnamed = bits & ~sum(_names("values.toml", kind))
    return " | ".join([*names, *([f"{unnamed:#x}"] if unnamed else [])])


def comma_separated(*parts: str) -> str:
    """The parts that are not empty, joined by commas."""
    return ", ".join(filter(None, parts))


def size(number: int) -> str:
    """A size in bytes as text, in the largest unit that leaves no fraction: `640 KiB`, `1 byte`."""
    for unit, name in _UNITS:
        if number and number % unit == 0:
            return f"{number // unit} {name}"
    return number_of(number, "byte")


def address_range(start: int, length: int) -> str:
    """First and last address and the size of `length` bytes from `start`: `0x0-0x9ffff, 640 KiB`."""
    if length <= 0:
        return f"{start:#x}, {size(0)}"
    return f"{start:#x}-{start + length - 1:#x}, {size(length)}"


@cache
def _names(file: str, kind: str) -> dict[int, str]:
    return {number: name for name, number in load_toml(__package__, file)[kind].items()}
