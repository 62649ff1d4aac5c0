"""The user that gdb and QEMU run as, and how a process of root becomes that user."""

from __future__ import annotations

import ctypes
import os
import pwd
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analyzer.errors import AnalyzerError

_SET_DUMPABLE = 4  # PR_SET_DUMPABLE of prctl(2)
_KEEP_CAPABILITIES = 8  # PR_SET_KEEPCAPS
_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_IPC_LOCK = 1 << 14  # CAP_IPC_LOCK
_PTRACE_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
_OF_ROOT = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "TMPDIR")  # folders; kept where usable


@dataclass(frozen=True)
class Account:
    """An entry of the user database: name, ids, and home folder."""

    name: str
    uid: int
    gid: int
    home: Path


def account_to_use(
    asked: str, euid: int, environment: Mapping[str, str], pid: int | None = None
) -> Account | None:
    """The account that this process, of effective user `euid`, has to become; None: it stays as it is.

    `asked` is the name or number of --user, "" for the default: the caller of sudo, from SUDO_UID and SUDO_GID.
    `pid` is the process of --pid. That one is recorded as root, unless the caller owns it and the kernel lets him
    trace it: whoever gives --pid under sudo often cannot attach otherwise.
    AnalyzerError for an unknown user, and when this process is not root and another user is asked for.
    """
    if asked:
        account = _by_name(asked)
        if euid not in (0, account.uid):
            raise AnalyzerError(f"Only root can run QEMU as {account.name}.", "Use sudo, or leave out --user.")
        return None if account.uid == euid else account
    caller = environment.get("SUDO_UID", "")
    if euid != 0 or not _is_id(caller) or int(caller) == 0:
        return None
    if pid is not None and not _may_attach(pid, int(caller)):
        return None
    return _by_id(int(caller), environment.get("SUDO_GID", ""))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10


def _may_attach(pid: int, uid: int) -> bool:
    """Whether `uid` owns the process, may read its memory, and Yama allows to attach to any process."""
    try:
        scope = _PTRACE_SCOPE.read_text(encoding="ascii").strip() if _PTRACE_SCOPE.exists() else "0"
        return scope == "0" and Path(f"/proc/{pid}").stat().st_uid == uid  # proc(5): root's when not dumpable
    except OSError:
        return False


def _by_name(name: str) -> Account:
    try:
        entry = pwd.getpwuid(int(name)) if _is_id(name) else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise AnalyzerError(f"There is no user {name}.", "Name one that `getent passwd` lists.") from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))


def _by_id(uid: int, group: str) -> Account:
    """The account `uid`; one without an entry, as in a container, has the group of sudo and no home folder."""
    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Account(str(uid), uid, int(group) if _is_id(group) else uid, Path("/"))
    return Account(entry.pw_name, uid, entry.pw_gid, Path(entry.pw_dir))


def become(account: Account, locks_memory: bool = False) -> None:
    """Give this process, and those that it starts, the ids, groups and home folder of `account`, for good.

    Supplementary groups are those of the group database, so that the group `kvm` opens /dev/kvm. With
    `locks_memory` this process, but none that it starts, may still lock any amount of memory: the ring buffers of
    perf_event_open(2) are locked.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_KEEP_CAPABILITIES, int(locks_memory), 0, 0, 0)
    os.initgroups(account.name, account.gid)
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
    # The kernel makes /proc/self root's after a change of ids; it holds no secrets of root.
    if locks_memory:  # effective and permitted, not inheritable: capset(2)
        library.capset(
            struct.pack("=Ii", _CAPABILITY_VERSION, 0), struct.pack("=6I", _IPC_LOCK, _IPC_LOCK, 0, 0, 0, 0)
        )
    library.prctl(_SET_DUMPABLE, 1, 0, 0, 0)
    os.environ.update(HOME=str(account.home), USER=account.name, LOGNAME=account.name)
    for name in _OF_ROOT:
        if name in os.environ and not os.access(os.environ[name], os.W_OK | os.X_OK):
            del os.environ[name]


def check_readable(account: Account, paths: Mapping[str, Path]) -> None:
    """Raise AnalyzerError, with the next step, when this process cannot read one of `paths`, by what it is."""
    for what, path in paths.items():
        if not os.access(path, os.R_OK):
            try:
                missing = not path.exists()
            except OSError:
                missing = False
            if not missing:
                raise AnalyzerError(
                    f"User {account.name}, as whom QEMU and gdb run, cannot read {what}: {path}.",
                    f"Give {account.name} access to it and its folders, or run all as root: --user root.",
                )
