"""What a QEMU was asked for on its command line: the machine's type, and the user's own arguments. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise

_MACHINE = ("-machine", "-M")
_VERBATIM = ("-append",)  # the guest's, and no path of the host
_TAKE_A_FILE = {
    "-kernel", "-initrd", "-dtb", "-bios", "-pflash", "-L", "-hda", "-hdb", "-hdc", "-hdd", "-cdrom", "-fda",
    "-fdb", "-sd", "-mtdblock", "-option-rom", "-mem-path", "-pidfile", "-D", "-readconfig", "-chroot",
}  # fmt: skip
_NAME_A_FILE = {
    "file", "filename", "path", "dir", "mem-path", "romfile", "firmware", "logfile", "kernel", "initrd", "script",
    "downscript", "helper", "tftp", "smb",
}  # fmt: skip
_HOLD_A_SECRET = {"password", "passwd", "passphrase", "secret", "token", "key"}
_SAY_WHETHER = {"on", "off", "yes", "no", "true", "false"}
_PART = re.compile(r"(?:[^,]|,,)+")  # in which QEMU doubles a comma
_NAMED = re.compile(r"([\w.-]+)=(.*)", re.DOTALL)
_KINDS = re.compile(r"(?:\w+:)*")  # unix:/run/x
_FILES = ("unix:", "file:", "pipe:")
_PROTOCOL = re.compile(r"(?:[A-Za-z][\w+.-]*:)*(?://)?")  # nbd://, fat:rw: and whoever else serves a file's blocks
_JSON = re.compile(r'"([^"\\]*)"(\s*:\s*)"((?:[^"\\]|\\.)*)"')
_BEGINS_LIKE_A_PATH = re.compile(r"(?:~[^/]*|\.\.?)?/")
_ANY_PATH, _ANY_SECRET = "PATH", "SECRET"


def machine_of(command: Sequence[str]) -> str:
    """The machine type a QEMU command line asks for, "" when it takes QEMU's own default; the last one counts."""
    asked = ""
    for option, value in pairwise(command):
        if _option(option) in _MACHINE:
            asked = _type_and_rest(value)[0] or asked
    return asked


def arguments_of(given: Sequence[str]) -> str:
    """The user's own QEMU arguments in one line, as a shell takes them; "" for none.

    The same for all users, folders and hosts: a value that begins as a path does, or names a file and is one in a
    folder, is `PATH`, and one that holds a secret is `SECRET`. The machine's type is left out: `machine_of` tells
    it. `--smp` is `-smp`, as for QEMU.
    """
    kept: list[str] = []
    for before, argument in zip(("", *given), given, strict=False):
        option = _option(before)
        if option in _MACHINE:
            rest = _type_and_rest(argument)[1]
            kept += ["-machine", _masked("", rest)] if rest else []
        elif option in _VERBATIM:
            kept.append(argument)
        elif _option(argument) not in _MACHINE:
            kept.append(_masked(option, _option(argument)))
    return shlex.join(kept)


def _option(argument: str) -> str:
    """The argument with one dash, as QEMU takes two for one."""
    return argument[1:] if argument.startswith("--") else argument


def _masked(option: str, argument: str) -> str:
    """The value of an option without what is of one host or one user."""
    if option in _TAKE_A_FILE:
        return _file(argument)
    if argument.startswith("{"):
        return _JSON.sub(lambda it: f'"{it[1]}"{it[2]}"{_value(option, it[1], it[3])}"', argument)
    return _PART.sub(lambda it: _masked_part(option, it[0]), argument)


def _masked_part(option: str, part: str) -> str:
    named = _NAMED.fullmatch(part)
    return f"{named[1]}={_value(option, named[1], named[2])}" if named else _value(option, "", part)


def _file(value: str) -> str:
    """A file's name with a path of its own as `PATH`, behind the protocol it is reached by."""
    protocol = _PROTOCOL.match(value)[0]  # type: ignore[index]
    rest = value[len(protocol) :]
    remote = protocol.startswith("json:") or protocol.endswith("//")
    return f"{protocol}{_ANY_PATH}" if rest and (remote or "/" in rest) else value


def _value(option: str, key: str, value: str) -> str:
    """The value, or what stands for it; of `file.filename` it is the last word that counts."""
    name = key.rpartition(".")[2]
    if (name in _HOLD_A_SECRET and value not in _SAY_WHETHER) or (name == "data" and option == "-object"):
        return _ANY_SECRET
    if name in _NAME_A_FILE and "/" in value:
        return _file(value)
    kinds = _KINDS.match(value)[0]  # type: ignore[index]
    rest = value[len(kinds) :]
    is_a_file = kinds in _FILES and "/" in rest
    is_a_path = _BEGINS_LIKE_A_PATH.match(rest) and not (kinds and rest.startswith("//"))
    return f"{kinds}{_ANY_PATH}" if is_a_file or is_a_path else value


def _type_and_rest(machine: str) -> tuple[str, str]:
    """The value of `-machine`, taken apart."""
    parts = machine.split(",")
    named = next((part for part in parts if part and "=" not in part.removeprefix("type=")), "")
    return named.removeprefix("type="), ",".join(part for part in parts if part != named)
