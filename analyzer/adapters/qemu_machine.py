"""Asks a QEMU for the buses and the processors of one of its machines, by starting it held and without a guest."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_TIMEOUT = 20.0  # seconds; QEMU answers in a tenth
_MACHINE = re.compile(r"--?(?:machine|M)")
_CPU = re.compile(r"--?cpu")
_BUS_TYPE = re.compile(r"^ *type (?P<type>\S+)\s*$", re.MULTILINE)  # of `info qtree`
_VCPU = re.compile(r"^[* ] CPU #\d+:", re.MULTILINE)  # of `info cpus`
_QUESTIONS = "info qtree\ninfo cpus\nquit\n"  # to the monitor; every QEMU since 1.6.0 has them
DEFAULT_MACHINE = "pc"


@dataclass(frozen=True)
class MachineFacts:
    """What a machine has without further devices.

    `buses`: the types of its buses, as `-device help` names them (PCI, ISA). `has_vcpu`: it has a processor.
    """

    buses: frozenset[str]
    has_vcpu: bool


def machine_type(arguments: Sequence[str]) -> str:
    """The machine that QEMU's `arguments` choose, "" when they leave it to QEMU. The last one counts."""
    chosen = ""
    for value in _values(arguments, _MACHINE):
        first = value.partition(",")[0].removeprefix("type=")
        chosen = first if first and "=" not in first else chosen
    return chosen


def ask_machine(
    qemu: Path, arguments: Sequence[str], accelerator: str, firmware: Path,
    environment: Mapping[str, str] | None = None,
) -> MachineFacts | None:  # fmt: skip
    """The facts of the machine that `arguments` choose.

    None when they leave it to QEMU or choose its default, and when QEMU does not start it: then QEMU's own message
    follows from the run. `firmware` is given with -bios, so that QEMU does not look for one. QEMU runs in
    `environment`, or in the one of this program.
    """
    machine = machine_type(arguments)
    if machine in ("", DEFAULT_MACHINE):
        return None
    whole = [part for value in _values(arguments, _MACHINE) for part in ("-machine", value)]
    cpu = [part for value in _values(arguments, _CPU) for part in ("-cpu", value)]
    # A property of the machine may name a memory or a drive that this start does not have.
    for chosen in ([*whole, *cpu], ["-machine", machine]):
        answer = _ask(
            [str(qemu), "-machine", f"accel={accelerator}", "-bios", str(firmware), *chosen], environment
        )
        buses = frozenset(match["type"] for match in _BUS_TYPE.finditer(answer))
        if buses:
            # A PCI device fits into a PCI Express bus.
            extra = {"PCI"} if "PCIE" in buses else set()
            return MachineFacts(buses | extra, _VCPU.search(answer) is not None)
    return None


def _ask(command: list[str], environment: Mapping[str, str] | None) -> str:
    """What the monitor answers; "" when QEMU does not run or does not end in time."""
    options = ["-S", "-nodefaults", "-display", "none", "-m", "16", "-serial", "null", "-monitor", "stdio"]
    try:
        done = subprocess.run(
            [*command, *options],
            input=_QUESTIONS,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.replace("\r", "")


def _values(arguments: Sequence[str], option: re.Pattern[str]) -> list[str]:
    """The values of an option, in the order given."""
    return [value for name, value in pairwise(arguments) if option.fullmatch(name)]
