"""Removes from a recording what identifies people and hosts, for sharing. Pure.

Functions, lines, stacks, ioctls and the relative paths of sources stay, so that the call graph is the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from analyzer.recording.source_paths import normal_path, source_root
from gdbscripts.records import (
    BREAK,
    EndRecord,
    HeaderRecord,
    MilestoneRecord,
    NoteRecord,
    OutputRecord,
    Record,
    SourceRecord,
)

REDACTED = "REDACTED"
NOTE = "Paths, names and secrets are removed from this recording (redacted)."
_SOURCES = "/source"  # takes the place of the source root
_PROGRAM = "/qemu"  # takes the place of the folder of the program
_OTHER = "/redacted"
# Folders of distributions and of the kernel; their paths are the same everywhere.
_OF_THE_SYSTEM = re.compile(r"/(?:usr(?!/home)|s?bin|lib(?:32|64|x32)?|etc|dev|proc|sys)(?:/|$)|/$")
_HOME = re.compile(r"/(?:home|Users)/([\w.-]+)")
# Fields of records that name source files or libraries: their last part stays, for it identifies functions.
_FILES = {"file", "files", "defined_in", "starts_file", "library", "starts_library"}
_FRAMES = {"via", "leads"}  # lists of function, file, library
_COMMANDS = {"command", "qemu_arguments"}
_UNCHANGED = {
    "function", "functions", "found", "missing", "callee", "target", "slot", "instruction", "lines", "handle",
    "build_id", "created", "gdb_version", "qemu_version", "run", "data", "call",
}  # fmt: skip
_PRIVATE = re.compile(
    "passw(?:or)?d|passphrase|secret|token|credential|api[_-]?key|private[_-]?key"
    "|^(?:host(?:name)?|uuid|serial|guest|user(?:name)?|domain(?:name)?)$",
    re.IGNORECASE,
)
# A name, and its value in an option of QEMU, where two commas are one; matched in linear time.
_BEFORE = r"(?<![\w.-])([\w.-]+)(=|\\?[\"']: ?\\?[\"'])"
_PAIR = re.compile(rf"{_BEFORE}((?:[^,\s\"'\\]|,,)*)")
_PAIR_OF_COMMAND = re.compile(r"(?<![\w.-])([\w.-]+)(=)((?:[^,]|,,)*)")
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s,\"'<>]+")
_MAC = re.compile(r"(?i)(?<![0-9a-f:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![0-9a-f:])")
_IPV4 = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_PATH = re.compile(r"(?<![\w./~}])/(?!/)[^\s\"',:;<>()\[\]{}|*?=\\]+")
_SEPARATORS = re.compile("([=,])")


class Redactor:
    """Redacts the records of one recording; equal paths become equal paths.

    `root`: the folder of the sources; `qemu`: the program, whose folder has generated sources. `names`: words that
    are removed too, such as those of the user and the host.
    """

    def __init__(self, root: str, qemu: str, names: Iterable[str] = ()) -> None:
        self._qemu = qemu
        self._roots = [(root, _SOURCES), (os.path.dirname(qemu), _PROGRAM)]  # noqa: PTH120 - of texts
        words = sorted(
            {name for name in names if len(name) > 1 and name != "root"}, key=lambda name: (-len(name), name)
        )
        joined = "|".join(map(re.escape, words))
        self._names = re.compile(rf"(?<![A-Za-z0-9])(?:{joined})(?![A-Za-z0-9])") if words else None
        self._paths: dict[str, str] = {}

    def record(self, record: Record) -> Record:
        """The record without paths, names and secrets."""
        if isinstance(record, SourceRecord):
            return replace(record, file=self.file(record.file))
        changed = {}
        for field in fields(record):
            value = getattr(record, field.name)
            if field.name not in _UNCHANGED and (new := self._value(field.name, value)) != value:
                changed[field.name] = new
        return replace(record, **changed) if changed else record

    def _value(self, name: str, value: Any) -> Any:
        if type(value) is str:  # not a member of an enum
            return self.file(value) if name in _FILES else self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._value(name, item) for key, item in value.items()}
        if not isinstance(value, (list, tuple)):
            return value
        if name in _COMMANDS:
            return [self.argument(item, before) for before, item in zip(["", *value], value, strict=False)]
        if name in _FRAMES:
            return [[frame[0], *map(self.file, frame[1:])] for frame in value if frame]
        return type(value)(self._value(name, item) for item in value)

    def file(self, path: str) -> str:
        """A source file or library: below the source root as before, elsewhere its last part."""
        if not path.startswith("/"):
            return self._without_names(path)
        plain = normal_path(path)
        for root, new in self._roots:
            if root and plain.startswith(root + "/") and not _OF_THE_SYSTEM.match(plain):
                return new + self._without_names(plain[len(root) :])
        if _OF_THE_SYSTEM.match(plain):
            return path
        return f"{_OTHER}/{self._without_names(plain.rpartition('/')[2])}"

    def argument(self, text: str, before: str = "") -> str:
        """An argument of a command line, after the argument `before`: of options the values, paths with spaces."""
        if before.lstrip("-") == "name" and "=" not in text.partition(",")[0] and not text.startswith("guest,"):
            text = f"{REDACTED}{''.join(text.partition(',')[1:])}"
        text = _PAIR_OF_COMMAND.sub(_without_value, _URL.sub(rf"\1{REDACTED}", text))
        parts = _SEPARATORS.split(text)
        return self.text("".join(self._path(part) if _is_path(part) else part for part in parts))

    def text(self, text: str) -> str:
        """Any text, such as the value of an argument or what QEMU printed."""
        text = _URL.sub(rf"\1{REDACTED}", text)
        of_secret = "secret" in text
        text = _PAIR.sub(lambda pair: _without_value(pair, of_secret), text)
        text = _MAC.sub("52:54:00:00:00:00", text)
        text = _IPV4.sub("192.0.2.1", text)
        return self._without_names(_PATH.sub(lambda match: self._path(match[0]), text))

    def _path(self, path: str) -> str:
        """A path in a text: a number instead of its parts, with its suffix; that of the source root stays."""
        if path.startswith((_SOURCES, _OTHER, _PROGRAM)) or _OF_THE_SYSTEM.match(normal_path(path)):
            return path
        if path == self._qemu or (path.startswith("/") and self.file(path).startswith(_SOURCES)):
            return self.file(path)
        suffix = re.search(r"\.\w{1,8}$", path)
        new = f"{_OTHER}/{len(self._paths) + 1}{suffix[0] if suffix else ''}"
        return self._paths.setdefault(path, new)

    def _without_names(self, text: str) -> str:
        return self._names.sub(REDACTED, text) if self._names else text


def _without_value(pair: re.Match[str], of_secret: bool = False) -> str:
    """The name and value of `pair`, without a private value; `data` is the value of a secret object."""
    if _PRIVATE.search(pair[1]) or (of_secret and pair[1] == "data"):
        return f"{pair[1]}{pair[2]}{REDACTED}"
    return pair[0]


def _is_path(part: str) -> bool:
    return "/" in part and "://" not in part and not part.startswith(("CPU ", "#"))


def redacted(records: Iterable[Record], redactor: Redactor) -> Iterator[Record]:
    """The records, redacted, with a note that says so before the footer."""
    noted = False
    for record in records:
        noted |= isinstance(record, NoteRecord) and record.text == NOTE
        if isinstance(record, EndRecord) and not noted:
            yield NoteRecord(NOTE)
        yield redactor.record(record)


def redactor_for(records: Iterable[Record], names: Iterable[str] = ()) -> Redactor:
    """The redactor of a recording: its source root as the reader has it, users of home folders, and `names`."""
    files: list[str] = []
    qemu = ""
    users = set(names)
    for record in records:
        if isinstance(record, HeaderRecord):
            qemu = record.qemu
        if isinstance(record, MilestoneRecord) and not record.name.startswith(BREAK):
            files += record.files
        if not isinstance(record, (OutputRecord, SourceRecord)):
            users |= set(_HOME.findall(repr(vars(record))))
    return Redactor(source_root(files), qemu, users)
