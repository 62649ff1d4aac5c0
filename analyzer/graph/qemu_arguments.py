"""Reads QEMU's command line: the machine type, and the user's own arguments in a form to compare. Pure.

The option names are those of `qemu-options.hx` in QEMU 7.2. `get_opt_value` in `util/qemu-option.c` reads a
doubled comma as one comma of a value, and `lookup_opt` in `vl.c` (`softmmu/vl.c`, `system/vl.c`) reads `--name` as
`-name`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise

_MACHINE_OPTIONS = ("-machine", "-M")
_VERBATIM_OPTIONS = ("-append",)  # the kernel command line of the guest: it contains no path of the host
_FILE_OPTIONS = {
    "-kernel", "-initrd", "-dtb", "-bios", "-pflash", "-L", "-hda", "-hdb", "-hdc", "-hdd", "-cdrom", "-fda",
    "-fdb", "-sd", "-mtdblock", "-option-rom", "-mem-path", "-pidfile", "-D", "-readconfig", "-chroot",
}  # fmt: skip
_FILE_KEYS = {
    "file", "filename", "path", "dir", "mem-path", "romfile", "firmware", "logfile", "kernel", "initrd", "script",
    "downscript", "helper", "tftp", "smb",
}  # fmt: skip
_SECRET_KEYS = {"password", "passwd", "passphrase", "secret", "token", "key"}
_SWITCH_VALUES = {"on", "off", "yes", "no", "true", "false"}
_COMMA_PART = re.compile(r"(?:[^,]|,,)+")  # a doubled comma belongs to the value
_KEY_VALUE = re.compile(r"([\w.-]+)=(.*)", re.DOTALL)
_CHARDEV_PREFIX = re.compile(r"(?:\w+:)*")  # the "unix:" of unix:/run/x
_FILE_PREFIXES = ("unix:", "file:", "pipe:")
_PROTOCOL = re.compile(r"(?:[A-Za-z][\w+.-]*:)*(?://)?")  # nbd://, fat:rw: and other block protocols
_JSON_STRING = re.compile(r'"([^"\\]*)"(\s*:\s*)"((?:[^"\\]|\\.)*)"')
_PATH_START = re.compile(r"(?:~[^/]*|\.\.?)?/")
_ANY_PATH, _ANY_SECRET = "PATH", "SECRET"


def machine_of(command: Sequence[str]) -> str:
    """Return the machine type of a QEMU command line; "" for QEMU's default.

    The last `-machine` or `-M` counts.
    """
    machine_type = ""
    for option, value in pairwise(command):
        if _option(option) in _MACHINE_OPTIONS:
            machine_type = _type_and_rest(value)[0] or machine_type
    return machine_type


def arguments_of(given: Sequence[str]) -> str:
    """Return the user's QEMU arguments in one line, quoted for a shell; "" for none.

    The result is the same for all users, folders and hosts: `PATH` replaces a value that begins like a path or
    that names a file in a folder, and `SECRET` replaces a value that holds a secret. The machine type is left out,
    since `machine_of` returns it. `--smp` becomes `-smp`.
    """
    shown: list[str] = []
    for previous, argument in zip(("", *given), given, strict=False):
        option = _option(previous)
        if option in _MACHINE_OPTIONS:
            rest = _type_and_rest(argument)[1]
            shown += ["-machine", _masked("", rest)] if rest else []
        elif option in _VERBATIM_OPTIONS:
            shown.append(argument)
        elif _option(argument) not in _MACHINE_OPTIONS:
            shown.append(_masked(option, _option(argument)))
    return shlex.join(shown)


def _option(argument: str) -> str:
    """Return the argument with one leading dash instead of two."""
    return argument[1:] if argument.startswith("--") else argument


def _masked(option: str, argument: str) -> str:
    """Return the value of an option without the paths and secrets in it."""
    if option in _FILE_OPTIONS:
        return _file(argument)
    if argument.startswith("{"):
        return _JSON_STRING.sub(
            lambda match: f'"{match[1]}"{match[2]}"{_value(option, match[1], match[3])}"', argument
        )
    return _COMMA_PART.sub(lambda match: _masked_part(option, match[0]), argument)


def _masked_part(option: str, part: str) -> str:
    named = _KEY_VALUE.fullmatch(part)
    return f"{named[1]}={_value(option, named[1], named[2])}" if named else _value(option, "", part)


def _file(value: str) -> str:
    """Return a file name with its path replaced by `PATH`; a leading protocol such as `nbd://` stays."""
    protocol = _PROTOCOL.match(value)[0]  # type: ignore[index]
    rest = value[len(protocol) :]
    remote = protocol.startswith("json:") or protocol.endswith("//")
    return f"{protocol}{_ANY_PATH}" if rest and (remote or "/" in rest) else value


def _value(option: str, key: str, value: str) -> str:
    """Return the value, or its replacement. Of a key such as `file.filename`, the last word decides."""
    name = key.rpartition(".")[2]
    if (name in _SECRET_KEYS and value not in _SWITCH_VALUES) or (name == "data" and option == "-object"):
        return _ANY_SECRET
    if name in _FILE_KEYS and "/" in value:
        return _file(value)
    prefix = _CHARDEV_PREFIX.match(value)[0]  # type: ignore[index]
    rest = value[len(prefix) :]
    is_file = prefix in _FILE_PREFIXES and "/" in rest
    is_path = _PATH_START.match(rest) and not (prefix and rest.startswith("//"))
    return f"{prefix}{_ANY_PATH}" if is_file or is_path else value


def _type_and_rest(machine: str) -> tuple[str, str]:
    """Split the value of `-machine` into the machine type and the rest; "" for what it does not have."""
    parts = machine.split(",")
    named = next((part for part in parts if part and "=" not in part.removeprefix("type=")), "")
    return named.removeprefix("type="), ",".join(part for part in parts if part != named)
