"""The QEMU command line, as a list: assembled here, started elsewhere, printed for use by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analyzer.errors import UsageError
from analyzer.recording.guest import Guest

_FORKS_AWAY = ("-daemonize", "--daemonize")
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
) -> list[str]:
    """The command line; `extra`, the user's own arguments, comes last so that it wins.

    `serial` receives the first serial port unless the user sends it elsewhere. Options are those that every
    QEMU from 1.6.0 on has: `-machine accel=` rather than `-accel`.
    Raises UsageError for arguments that would take QEMU away from the debugger or choose the accelerator.
    """
    _check(extra)
    command = [str(qemu), "-machine", f"accel={accelerator}", "-display", "none", "-no-reboot"]
    if names_threads:
        command += ["-name", "guest,debug-threads=on"]
    for folder in firmware:
        command += ["-L", str(folder)]
    command += _guest_options(guest)
    if not records_serial(extra):
        return [*command, *extra]
    return [*command, "-serial", f"file:{serial}", *extra]


def by_hand(command: Sequence[str], serial: Path) -> list[str]:
    """The command as one would repeat it by hand: the serial port goes to the terminal."""
    return ["stdio" if argument == f"file:{serial}" else argument for argument in command]


def records_serial(extra: Sequence[str]) -> bool:
    """Whether the first serial port is ours to record."""
    return not any(argument in ("-serial", "--serial", "-nographic", "--nographic") for argument in extra)


def _guest_options(guest: Guest) -> list[str]:
    if guest.kind == "tiny":
        # A VGA card without its ROM: the guest touches its memory, no firmware file is needed.
        return ["-nodefaults", "-m", "16", "-bios", str(guest.path), "-device", "VGA,romfile=",
                "-device", "isa-debug-exit,iobase=0xf4"]  # fmt: skip
    if guest.kind == "kernel":
        return ["-net", "none", "-m", "512", "-kernel", str(guest.path), "-append", "console=ttyS0"]
    path = str(guest.path).replace(",", ",,")
    # snapshot: what the guest writes goes to a temporary file, never into the user's image
    return ["-net", "none", "-m", "512", "-drive", f"file={path},format={guest.format},snapshot=on"]


def _check(extra: Sequence[str]) -> None:
    for previous, argument in zip(("", *extra), extra, strict=False):
        if argument in _FORKS_AWAY:
            raise UsageError(f"{argument} would take QEMU away from gdb.", "Leave it out.")
        if argument in _CHOOSES_ACCELERATOR or (previous in _MACHINE and "accel=" in argument):
            raise UsageError(
                f"{argument} chooses the accelerator behind the analyzer's back.",
                "Use --accel kvm or --accel tcg, before the --.",
            )
