"""Examines a QEMU that already runs, through /proc (proc(5)), and says why gdb could not attach to it."""

from __future__ import annotations

import mmap
import os
import pwd
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.debug_files import DebugFiles, find_debug_files
from analyzer.adapters.elf import exported_functions, read_elf
from analyzer.adapters.gdb import PTRACE_HINT
from analyzer.adapters.qemu import NoDebugInfoError, QemuFacts, no_debug_info_error
from analyzer.errors import AnalyzerError

FIND_HINT = (
    "Find the process id with `pidof qemu-system-x86_64`; libvirt has it in /run/libvirt/qemu/NAME.pid "
    "for the domain NAME."
)
# As QEMU's version() prints it (vl.c, later softmmu/vl.c and system/vl.c); the text is a constant of the program.
_VERSION = re.compile(rb"QEMU (?:PC )?emulator version (\d[\w.+-]*)")
_CAP_SYS_PTRACE = 19  # linux/capability.h
_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_DELETED = " (deleted)"
_KVM_FILES = ("/dev/kvm", "anon_inode:kvm-vm")


@dataclass(frozen=True, kw_only=True)
class QemuProcess:
    """A QEMU that runs. `facts.path` is the program's path, which another file may have by now.

    `program`: the file to debug: `facts.path`, or /proc/PID/exe when that path does not lead to the running
    program. `command`: its arguments, the name of the program first. `accelerator`: kvm or tcg.
    `replaced`: the program's file was deleted or replaced since QEMU started.
    """

    pid: int
    facts: QemuFacts
    program: Path
    command: tuple[str, ...]
    accelerator: str
    replaced: bool


def examine_process(pid: int, find: Callable[[Path], DebugFiles] = find_debug_files) -> QemuProcess:
    """Facts of the QEMU with process id `pid`, which is not disturbed; `find` finds its debug information.

    Raises AnalyzerError, with the reason and the next step, when there is no such process, when it is not QEMU,
    and when gdb cannot attach to it; NoDebugInfoError when the program has no debug information.
    """
    folder = Path(f"/proc/{pid}")
    status = _status(folder, pid)
    _check_state(pid, status)
    try:
        link = str((folder / "exe").readlink())
    except FileNotFoundError:
        raise AnalyzerError(f"Process {pid} is a thread of the kernel, not QEMU.", FIND_HINT) from None
    except PermissionError:
        raise _permission_error(pid, status) from None
    _check_ptrace(pid, status)
    program, replaced = _program(folder, link)
    elf = read_elf(program)
    path = Path(link.removesuffix(_DELETED))
    version = _version(program)
    if not version:
        raise AnalyzerError(f"Process {pid} ({path}) is not QEMU's system emulator.", FIND_HINT)
    debug_files = _debug_files(program, find, replaced)
    command = os.fsdecode((folder / "cmdline").read_bytes()).rstrip("\0").split("\0")
    facts = QemuFacts(
        path=path,
        version=version,
        build_id=elf.build_id,
        firmware=(),
        has_firmware=True,
        names_threads=False,
        debug_files=debug_files,
    )
    return QemuProcess(
        pid=pid,
        facts=facts,
        program=program,
        command=tuple(command),
        accelerator="kvm" if _has_kvm(folder) else "tcg",
        replaced=replaced,
    )


def process_state(pid: int) -> str:
    """The state of a process as ps(1) has it, such as S, R, T (stopped), t (traced) or Z; "" without a process."""
    try:
        return _fields(Path(f"/proc/{pid}"))["State"][:1]
    except (OSError, KeyError):
        return ""


def library_has_function(pid: int, name: str) -> bool:
    """Whether a library that process `pid` has loaded exports the function `name`."""
    files = set()
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
        files = {fields[5] for line in lines if len(fields := line.split(maxsplit=5)) == 6 and "x" in fields[1]}
    for file in files:
        with suppress(AnalyzerError):
            if Path(file).is_file() and name in exported_functions(Path(file)):
                return True
    return False


def ptrace_refusal(scope: str, has_capability: bool) -> tuple[str, str] | None:
    """(reason, next step) when Yama forbids to attach, None when it allows it.

    `scope` is the content of /proc/sys/kernel/yama/ptrace_scope, "" without Yama; `has_capability`: this process
    has CAP_SYS_PTRACE. The values are those of Documentation/admin-guide/LSM/Yama.rst of the kernel.
    """
    reason = f"kernel.yama.ptrace_scope is {scope}"
    if scope == "3":
        return f"{reason}: no process may be traced", "Set it to 1 in /etc/sysctl.d and restart the host."
    if has_capability or scope in ("", "0"):
        return None
    if scope == "1":
        return (
            f"{reason}: only a parent may trace a process",
            "Run this as root (sudo), or allow it: sudo sysctl kernel.yama.ptrace_scope=0",
        )
    return f"{reason}: only root may trace a process", "Run this as root (sudo)."


def _status(folder: Path, pid: int) -> dict[str, str]:
    try:
        status = _fields(folder)
    except (FileNotFoundError, ProcessLookupError):
        raise AnalyzerError(f"There is no process {pid}.", FIND_HINT) from None
    if status["Tgid"] != str(pid):
        raise AnalyzerError(
            f"{pid} is a thread of process {status['Tgid']}.", f"Give the process: --pid {status['Tgid']}"
        )
    return status


def _fields(folder: Path) -> dict[str, str]:
    """The fields of /proc/PID/status by name."""
    lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _check_state(pid: int, status: Mapping[str, str]) -> None:
    """AnalyzerError when the process has ended, is traced or is stopped."""
    if status["State"][0] in "ZX":
        raise AnalyzerError(f"Process {pid} has ended; its parent has not read its exit status yet.", FIND_HINT)
    tracer = status.get("TracerPid", "0")
    if tracer != "0":
        name = (
            _fields(Path(f"/proc/{tracer}")).get("Name", "a program") if Path(f"/proc/{tracer}").exists() else ""
        )
        raise AnalyzerError(
            f"Process {pid} is already traced by {name or 'a program'} (process {tracer}).",
            "A process has one tracer at a time: end that one, or wait until it detaches.",
        )
    if status["State"][0] == "T":
        raise AnalyzerError(f"Process {pid} is stopped by a signal.", f"Let it run: kill -CONT {pid}")


def _check_ptrace(pid: int, status: Mapping[str, str]) -> None:
    """AnalyzerError when the owner of the process or the kernel's settings forbid to attach."""
    own = _fields(Path("/proc/self"))
    has_capability = bool(int(own["CapEff"], 16) >> _CAP_SYS_PTRACE & 1)
    owner = int(status["Uid"].split()[0])
    if owner != os.geteuid() and not has_capability:
        raise _permission_error(pid, status)
    scope = ""
    with suppress(OSError):
        scope = _YAMA.read_text(encoding="ascii").strip()
    if refusal := ptrace_refusal(scope, has_capability):
        raise AnalyzerError(f"gdb cannot attach to process {pid}: {refusal[0]}.", refusal[1])


def _permission_error(pid: int, status: Mapping[str, str]) -> AnalyzerError:
    owner = int(status["Uid"].split()[0])
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    hint = PTRACE_HINT if os.geteuid() == 0 else "Run this as root (sudo)."
    return AnalyzerError(
        f"gdb cannot attach to process {pid}: it belongs to user {name}, and this user may not trace it.", hint
    )


def _program(folder: Path, link: str) -> tuple[Path, bool]:
    """(the file of the running program, whether its own path was deleted or replaced).

    The path of a program in another mount namespace, as of a container, leads to another file here, or to none.
    """
    running, path = folder / "exe", Path(link)
    if _same_file(path, running):
        return path, False
    return running, link.endswith(_DELETED)


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


def _version(program: Path) -> str:
    """The version of QEMU in the constants of `program`; "" when it is another program."""
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        match = _VERSION.search(content)
        return match[1].decode("ascii") if match else ""


def _has_kvm(folder: Path) -> bool:
    for descriptor in (folder / "fd").iterdir():
        with suppress(OSError):
            if str(descriptor.readlink()).startswith(_KVM_FILES):
                return True
    return False


def _debug_files(program: Path, find: Callable[[Path], DebugFiles], replaced: bool) -> DebugFiles:
    """The complete debug files of `program`. NoDebugInfoError names the running version when it was replaced."""
    try:
        files = find(program)
        if not files.complete:
            raise no_debug_info_error(files)
    except NoDebugInfoError as error:
        if not replaced:
            raise
        raise NoDebugInfoError(
            f"{error.message[:-1]}, and its file was deleted or replaced since it started, as by an upgrade.",
            "Install the debug package of the version that runs, or start the guest again with the new QEMU. "
            f"{error.hint}",
        ) from None
    return files
