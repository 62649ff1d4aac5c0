"""What a QEMU was asked for on its command line: the machine's type, and the user's own arguments. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise

_MACHINE = ("-machine", "--machine", "-M")
_PATH = re.compile(r"[^,=:\s]*/(?:[^,]|,,)*")  # to the end of the value, in which QEMU doubles a comma
_ANY_PATH = "PATH"


def machine_of(command: Sequence[str]) -> str:
    """The machine type a QEMU command line asks for, "" when it takes QEMU's own default; the last one counts."""
    asked = ""
    for option, value in pairwise(command):
        if option in _MACHINE:
            asked = _type_and_rest(value)[0] or asked
    return asked


def arguments_of(given: Sequence[str]) -> str:
    """The user's own QEMU arguments in one line, as a shell takes them; "" for none.

    The same for all users, folders and hosts: a value from its first `/` on, and what stands before that, is
    `PATH`. The machine's type is left out: `machine_of` tells it.
    """
    kept: list[str] = []
    for option, argument in zip(("", *given), given, strict=False):
        if option in _MACHINE:
            rest = _type_and_rest(argument)[1]
            kept += [option, rest] if rest else []
        elif argument not in _MACHINE:
            kept.append(argument)
    return shlex.join(_PATH.sub(_ANY_PATH, argument) for argument in kept)


def _type_and_rest(machine: str) -> tuple[str, str]:
    """The value of `-machine`, taken apart."""
    parts = machine.split(",")
    named = next((part for part in parts if part and "=" not in part.removeprefix("type=")), "")
    return named.removeprefix("type="), ",".join(part for part in parts if part != named)
