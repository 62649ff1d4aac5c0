"""Runs a QEMU with --version and help options to learn its version, machines and firmware folders."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.elf import read_elf
from analyzer.errors import AnalyzerError

_VERSION = re.compile(r"^QEMU (?:PC )?emulator version (?P<version>\d[\w.+-]*)", re.MULTILINE)
_TIMEOUT = 20.0  # seconds; QEMU answers in a few hundredths
_BIOS_FILES = ("bios-256k.bin", "bios.bin")
# Firmware folders of distributions; Debian and Ubuntu split the firmware over several packages.
_FIRMWARE_FOLDERS = ("/usr/share/seabios", "/usr/share/qemu", "/usr/lib/ipxe/qemu", "/usr/share/vgabios",
                     "/usr/share/qemu-kvm", "/usr/share/ipxe.efi")  # fmt: skip
FIRMWARE_HINT = "Install it: apt install seabios ipxe-qemu qemu-system-data; or pass -L FOLDER after --."


class NoDebugInfoError(AnalyzerError):
    """The program has no debug information, so gdb cannot name its files and lines."""


@dataclass(frozen=True, kw_only=True)
class QemuFacts:
    """Facts of a QEMU that has not been started with a guest.

    `build_id` is that of `ElfFacts`. `firmware`: folders to add with -L. `has_firmware`: a BIOS is found.
    `names_threads`: it has `-name …,debug-threads=on`.
    """

    path: Path
    version: str
    build_id: str
    firmware: tuple[Path, ...]
    has_firmware: bool
    names_threads: bool


def examine(path: Path) -> QemuFacts:
    """Facts of the QEMU at `path`, which becomes absolute.

    Raises NoDebugInfoError; AnalyzerError when it is no QEMU, has no machine `pc`, or cannot be executed.
    """
    path = path.absolute()
    elf = read_elf(path)
    answers = _run_queries(path, ["--version"], ["-machine", "help"], ["-L", "help"], ["-help"])
    version, machines, folders, options = answers
    match = _VERSION.search(version)
    if match is None:
        raise _not_qemu_error(path, version)
    if not re.search(r"^pc\b", machines, re.MULTILINE):
        raise AnalyzerError(
            f"{path} is a QEMU for another architecture: it has no machine `pc`.", "Give a qemu-system-x86_64."
        )
    if not elf.has_debug_info:
        raise no_debug_info_error(path, elf.has_symbols)
    finds_firmware = _own_firmware(path, folders)
    extra = () if finds_firmware else tuple(Path(f) for f in _FIRMWARE_FOLDERS if Path(f).is_dir())
    found = finds_firmware or bool(system_firmware())
    return QemuFacts(
        path=path,
        version=match["version"],
        build_id=elf.build_id,
        firmware=extra,
        has_firmware=found,
        names_threads="debug-threads" in options,
    )


def system_firmware() -> list[Path]:
    """The firmware folders of the distribution that contain a BIOS."""
    folders = [Path(folder) for folder in _FIRMWARE_FOLDERS]
    return [folder for folder in folders if _holds_bios(folder)]


def _run_queries(path: Path, *questions: list[str]) -> list[str]:
    """Run the program once for each list of arguments, all at the same time.

    Returns standard output and error of each run, as one text. AnalyzerError when it cannot run in time.
    """
    try:
        children = [
            subprocess.Popen(
                [str(path), *question],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            for question in questions
        ]
    except PermissionError:
        raise AnalyzerError(f"{path} is not executable.", f"chmod +x {path}") from None
    except OSError as error:
        raise AnalyzerError(f"{path} cannot be executed: {error.strerror}.") from None
    try:
        return [child.communicate(timeout=_TIMEOUT)[0] for child in children]
    except subprocess.TimeoutExpired:
        raise AnalyzerError(
            f"{path} --version did not end within {_TIMEOUT:.0f} s.", "Check that it is a QEMU."
        ) from None
    finally:
        for child in children:
            child.kill()
            child.wait()


def _own_firmware(path: Path, folders: str) -> bool:
    """Whether QEMU finds a BIOS without -L. `folders` is the output of `-L help`; QEMU 1.6.0 lacks that option."""
    listed = [Path(line.strip()) for line in folders.splitlines() if line.startswith("/")]
    nearby = [path.parent, path.parent / "pc-bios", path.parent.parent / "share" / "qemu"]
    return any(_holds_bios(folder) for folder in listed + nearby)


def _holds_bios(folder: Path) -> bool:
    """Whether `folder` has a BIOS that is not empty: builds of source packages often have empty placeholders."""
    files = [folder / name for name in _BIOS_FILES]
    return any(file.is_file() and file.stat().st_size > 0 for file in files)


def _not_qemu_error(path: Path, answer: str) -> AnalyzerError:
    user_mode = re.search(r"^qemu-\w+ version", answer, re.MULTILINE)
    first = next((line.strip() for line in answer.splitlines() if line.strip()), "nothing")
    what = "is QEMU's user-mode emulator" if user_mode else "is not QEMU"
    return AnalyzerError(f"{path} {what}: --version prints {first[:120]!r}.", "Give a qemu-system-x86_64.")


def no_debug_info_error(path: Path, has_symbols: bool) -> NoDebugInfoError:
    """The error for a QEMU without debug information; `has_symbols`: it has a symbol table."""
    what = "has no debug information" if has_symbols else "is stripped: no symbols, no debug information"
    return NoDebugInfoError(
        f"{path} {what}.",
        "Build it with --enable-debug-info, install its -dbgsym package, "
        "or let `make startup` build one from your distribution's source.",
    )
