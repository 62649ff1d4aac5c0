"""Assembles the command line of QEMU as a list of arguments; it is started by `analyzer.recording.session`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analyzer.errors import UsageError
from analyzer.recording.guest import Guest

_FORKS = ("-daemonize", "--daemonize")
_CHOOSES_ACCELERATOR = ("-accel", "--accel", "-enable-kvm", "--enable-kvm", "-no-kvm", "--no-kvm")
_MACHINE = ("-machine", "--machine", "-M", "--M")


def qemu_command(
    *,
    qemu: Path,
    guest: Guest,
    accelerator: str,
    serial: Path,
    firmware: Sequence[Path],
    names_threads: bool,
    extra: Sequence[str],
    devices: frozenset[str] = frozenset(),
    buses: frozenset[str] | None = None,
) -> list[str]:
    """The command line as a list. `extra`, the user's arguments, comes last, so that it overrides the rest.

    The file `serial` receives the output of the first serial port unless `extra` redirects the port; `firmware`
    are folders for -L; `names_threads` says whether this QEMU has `-name debug-threads=on`. `devices` and
    `buses` are those of `tiny_guest_devices`. The options are those that every QEMU since 1.6.0 has:
    `-machine accel=`, not `-accel`.
    Raises UsageError for an argument that makes QEMU fork, which gdb does not follow, or that chooses the
    accelerator.
    """
    _check(extra)
    command = [str(qemu), "-machine", f"accel={accelerator}", "-display", "none", "-no-reboot"]
    if names_threads:
        command += ["-name", "guest,debug-threads=on"]
    for folder in firmware:
        command += ["-L", str(folder)]
    command += _guest_options(guest, tiny_guest_devices(devices, buses))
    if not records_serial(extra):
        return [*command, *extra]
    return [*command, "-serial", f"file:{serial}", *extra]


def repeatable_command(command: Sequence[str], serial: Path) -> list[str]:
    """The command for a user to repeat in a shell: the serial port goes to the terminal, not to `serial`."""
    return ["stdio" if argument == f"file:{serial}" else argument for argument in command]


def records_serial(extra: Sequence[str]) -> bool:
    """Whether the first serial port is recorded: the user's arguments `extra` do not redirect it."""
    return not any(argument in ("-serial", "--serial", "-nographic", "--nographic") for argument in extra)


def tiny_guest_devices(devices: frozenset[str], buses: frozenset[str] | None) -> list[str]:
    """The options for the devices that the tiny guest uses, as far as QEMU and its machine have them.

    `devices` are the names of those that this QEMU has, empty when that is unknown; `buses` are the types of the
    machine's buses, None for the machine `pc`, which has PCI and ISA.
    """
    options: list[str] = []
    for alternatives in _TINY_GUEST_DEVICES:
        for bus, device in alternatives:
            known = not devices or device.partition(",")[0] in devices
            if known and (buses is None or bus in buses):
                options += ["-device", device]
                break
    return options


# (bus, device) of each device that the tiny guest uses; the first one that fits is taken. The guest writes to the
# memory of a VGA card, and ends QEMU through isa-debug-exit; romfile= avoids the need for a firmware file.
_TINY_GUEST_DEVICES = (
    (("PCI", "VGA,romfile="), ("ISA", "isa-vga")),
    (("ISA", "isa-debug-exit,iobase=0xf4"),),
)


def _guest_options(guest: Guest, devices: Sequence[str]) -> list[str]:
    if guest.kind == "tiny":
        return ["-nodefaults", "-m", "16", "-bios", str(guest.path), *devices]
    if guest.kind == "kernel":
        return ["-net", "none", "-m", "512", "-kernel", str(guest.path), "-append", "console=ttyS0"]
    path = str(guest.path).replace(",", ",,")
    # snapshot: what the guest writes goes to a temporary file, never into the user's image
    return ["-net", "none", "-m", "512", "-drive", f"file={path},format={guest.format},snapshot=on"]


def _check(extra: Sequence[str]) -> None:
    for previous, argument in zip(("", *extra), extra, strict=False):
        if argument in _FORKS:
            raise UsageError(
                f"{argument} makes QEMU fork, which gdb does not follow.",
                "Remove it. Or start that QEMU yourself, and record it with --pid.",
            )
        if argument in _CHOOSES_ACCELERATOR or (previous in _MACHINE and "accel=" in argument):
            raise UsageError(
                f"{argument} chooses the accelerator, which is an option of analyze.",
                "Use --accel kvm or --accel tcg, before the --.",
            )
