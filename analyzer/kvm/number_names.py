"""Numbers of KVM's interface as words: names of values and bits, sizes, ranges."""

from __future__ import annotations

from functools import cache

from analyzer.text import number_of
from analyzer.toml import load_toml

_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def capability(number: int) -> str:
    """`KVM_CAP_USER_MEMORY`; a number that is not known is `KVM_CAP_` and the number."""
    return _names("capabilities.toml", "capability").get(number, f"KVM_CAP_{number}")


def exit_reason(number: int) -> str:
    """`KVM_EXIT_IO`; a number that is not known is `KVM_EXIT_` and the number."""
    return _names("exits.toml", "exit").get(number, f"KVM_EXIT_{number}")


def value(kind: str, number: int) -> str:
    """The name in the table `kind` of `values.toml`; a number that is not there with its kind: `irqchip 7`."""
    return _names("values.toml", kind).get(number, f"{kind.replace('_', ' ')} {number}")


def flags(kind: str, bits: int) -> str:
    """The bits by the names in the table `kind` of `values.toml`, joined by ` | `; "" for none.

    Bits without a name follow as one hexadecimal number.
    """
    names = [name for bit, name in _names("values.toml", kind).items() if bits & bit]
    unnamed = bits & ~sum(_names("values.toml", kind))
    return " | ".join([*names, *([f"{unnamed:#x}"] if unnamed else [])])


def listed(*parts: str) -> str:
    """The parts that say something, with commas between."""
    return ", ".join(filter(None, parts))


def size(number: int) -> str:
    """Bytes in the largest unit that leaves no fraction: `640 KiB`, `1 byte`."""
    for unit, name in _UNITS:
        if number and number % unit == 0:
            return f"{number // unit} {name}"
    return number_of(number, "byte")


def span(start: int, length: int) -> str:
    """First and last address, and the size in bytes in words: `0x0-0x9ffff, 640 KiB`."""
    if length <= 0:
        return f"{start:#x}, {size(0)}"
    return f"{start:#x}-{start + length - 1:#x}, {size(length)}"


@cache
def _names(file: str, kind: str) -> dict[int, str]:
    return {number: name for name, number in load_toml(__package__, file)[kind].items()}
