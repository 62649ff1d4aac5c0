"""Runs a QEMU with --version and help options to learn its version, machines and firmware folders."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.debug_files import DebugFiles, find_debug_files
from analyzer.adapters.debug_packages import how_to_get_debug_information
from analyzer.adapters.elf import debug_sections, read_elf
from analyzer.errors import AnalyzerError

_VERSION = re.compile(r"^QEMU (?:PC )?emulator version (?P<version>\d[\w.+-]*)", re.MULTILINE)
_DEVICE = re.compile(r'^name "([^"]+)"', re.MULTILINE)  # of `-device help`
# Of `-machine help`: a build for micro virtual machines may lack `pc`.
_X86_MACHINE = re.compile(r"^(?:pc|q35|isapc|microvm)\b", re.MULTILINE)
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
    `names_threads`: it has `-name …,debug-threads=on`. `debug_files` are complete. `devices`: names of the devices
    it was built with; empty when it does not list them.
    """

    path: Path
    version: str
    build_id: str
    firmware: tuple[Path, ...]
    has_firmware: bool
    names_threads: bool
    debug_files: DebugFiles
    devices: frozenset[str] = frozenset()


def examine(
    path: Path,
    find: Callable[[Path], DebugFiles] = find_debug_files,
    environment: Mapping[str, str] | None = None,
) -> QemuFacts:
    """Facts of the QEMU at `path`, which becomes absolute; `find` finds its debug information.

    It runs in `environment`, or in the one of this program.

    Raises NoDebugInfoError; AnalyzerError when it is no QEMU, has no machine of a PC, or cannot be executed.
    """
    path = path.absolute()
    elf = read_elf(path)
    questions = (["--version"], ["-machine", "help"], ["-L", "help"], ["-help"], ["-device", "help"])
    answers = _run_queries(path, *questions, environment=environment)
    version, machines, folders, options, devices = answers
    match = _VERSION.search(version)
    if match is None:
        raise _not_qemu_error(path, version)
    if not _X86_MACHINE.search(machines):
        raise AnalyzerError(
            f"{path} is a QEMU for another architecture: it has no machine `pc`.", "Give a qemu-system-x86_64."
        )
    debug_files = find(path)
    if not debug_files.complete:
        raise no_debug_info_error(debug_files)
    if elf.missing_split_file and debug_files.debug_file == path:
        raise NoDebugInfoError(
            f"The debug information of {path} is split (-gsplit-dwarf), and {elf.missing_split_file} is missing.",
            f"Use it with its build folder; or pack the .dwo files there: dwp -e {path.name} -o {path.name}.dwp.",
        )
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
        debug_files=debug_files,
        devices=frozenset(_DEVICE.findall(devices)),
    )


def no_debug_info_error(files: DebugFiles, reasons: Sequence[str] = ()) -> NoDebugInfoError:
    """The error for a program whose debug information is not complete in `files`.

    `reasons`: sentences why it was not downloaded. The hint has a line for each distribution.
    """
    sections = debug_sections(files.program)
    what = "has no debug information" if sections.has_symbols else "is stripped: no symbols, no debug information"
    sentences = [f"{files.program} {what}."]
    if files.missing_alternate is not None:
        link = files.missing_alternate
        sentences = [
            f"The debug information of {files.program} is not complete: {files.debug_file} needs the file "
            f"{link.path} (build-id {link.build_id}), to which dwz moved a part of it; that file is not there."
        ]
    elif sections.build_id:
        sentences.append(f"No debug file for its build-id {sections.build_id} is on this host.")
    sentences += [*files.refused, *filter(None, reasons)]
    return NoDebugInfoError(" ".join(sentences), how_to_get_debug_information())


def system_firmware() -> list[Path]:
    """The firmware folders of the distribution that contain a BIOS."""
    folders = [Path(folder) for folder in _FIRMWARE_FOLDERS]
    return [folder for folder in folders if _holds_bios(folder)]


def _run_queries(path: Path, *questions: list[str], environment: Mapping[str, str] | None) -> list[str]:
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
                env=environment,
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
