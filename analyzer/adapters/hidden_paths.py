"""Hides secrets of the home folder and of the system from this process and those that it starts.

A mount namespace of its own (mount_namespaces(7)) has an empty folder or file in place of each; other processes
do not see that. Only root can make one without giving up setuid helpers, which QEMU uses for bridges.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

_NEW_NAMESPACE = 0x20000  # CLONE_NEWNS
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC, _BIND, _RECURSIVE, _SLAVE = 1, 2, 4, 8, 0x1000, 0x4000, 1 << 19

OF_HOME = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".netrc", ".git-credentials", ".password-store", ".pgpass",
    ".docker/config.json", ".config/gcloud", ".config/gh", ".local/share/keyrings", ".mozilla", ".thunderbird",
    ".config/google-chrome", ".config/chromium", ".bash_history", ".zsh_history", ".npmrc", ".pypirc",
)  # fmt: skip
OF_SYSTEM = ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh")
# Words in QEMU's arguments that make it read one of them: the block driver ssh, SASL with the system's passwords.
_USED_WITH = {"ssh": (".ssh",), "sasl": ("/etc/shadow",)}
_READ_MORE = ("-readconfig", "--readconfig")  # an argument that names a file with further arguments


def paths_to_hide(homes: Sequence[Path], texts: Iterable[str]) -> list[Path]:
    """The secrets below `homes` and in /etc, without those that one of `texts` names, uses or is below of.

    `texts` are QEMU's arguments and the paths of options, in any form. With -readconfig QEMU may name whatever its
    file has: then there is nothing to hide. Pure: whether the paths exist is not looked at.
    """
    named = list(texts)
    if any(text in _READ_MORE for text in named):
        return []
    used = {name for word, names in _USED_WITH.items() if any(word in text for text in named) for name in names}
    secrets = [(name, home / name) for home in homes for name in OF_HOME]
    secrets += [(name, Path(name)) for name in OF_SYSTEM]
    return [path for name, path in secrets if name not in used and not any(name in text for text in named)]


def hide(paths: Iterable[Path]) -> list[Path]:
    """Hide those of `paths` that exist, in a new mount namespace of this process; returns them.

    For the main thread of a process of root that has no other thread yet. Where the kernel refuses the namespace,
    as in containers, nothing is hidden; a path that cannot be hidden is left out of the result.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_NEW_NAMESPACE) or library.mount(b"none", b"/", None, _RECURSIVE | _SLAVE, None):
        return []
    safe = _READ_ONLY | _NO_SUID | _NO_DEVICES | _NO_EXEC
    hidden = []
    for path in paths:
        target = os.fsencode(path)
        if path.is_symlink():  # a link to a place that may be needed for another reason
            continue
        if path.is_dir():
            failed = library.mount(b"none", target, b"tmpfs", safe, b"size=4k,mode=0")
        elif path.is_file():
            failed = library.mount(b"/dev/null", target, None, _BIND, None)
        else:
            continue
        if not failed:
            hidden.append(path)
    return hidden


def can_hide() -> bool:
    """Whether this process may make a mount namespace, tried in a child."""
    child = os.fork()
    if child == 0:
        os._exit(1 if ctypes.CDLL(None).unshare(_NEW_NAMESPACE) else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
