"""What `--break` names: one function, or by a pattern many. Pure: nothing is looked up here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

FILE = "file:"  # begins a pattern of source files
_WILD = re.compile(r"[*?\[]")
_NAME_PATTERN = re.compile(r"(?:[\w~<>$*?\[\]!^-]|::)+")
_PLAIN = re.compile(r"(?:[\w./+-]+:)?[A-Za-z_~][\w:~<>$]*")
_FILE_PATTERN = re.compile(r"[^:\0\n]+")
_ADDRESS = re.compile(r"\*0x[0-9a-fA-F]+")
_COLON = re.compile(r"(?<!:):(?!:)")  # not the one of C++


@dataclass(frozen=True)
class BreakPattern:
    """A value of `--break`: `text` as the user wrote it.

    `name` and `file` are globs, as of fnmatch(3): `*` stands for any characters, also `/`. "" for `file` stands
    for all files. `is_glob`: it may match several functions; else `text` is NAME or FILE:NAME, which gdb looks up.
    """

    text: str
    name: str
    file: str = ""
    is_glob: bool = True

    def matches_name(self, name: str) -> bool:
        """Whether the glob of names matches `name`, upper and lower case told apart."""
        return self._name_expression.match(name) is not None

    def matches_file(self, path: str) -> bool:
        """Whether the glob of files matches the absolute `path` or the end of it after a `/`.

        A glob that begins with `/` matches the whole path.
        """
        return not self.file or self._file_expression.match(path) is not None

    @cached_property
    def _name_expression(self) -> re.Pattern[str]:
        return re.compile(translate(self.name))

    @cached_property
    def _file_expression(self) -> re.Pattern[str]:
        whole = translate(self.file)
        return re.compile(whole if self.file.startswith("/") else f"(?:.*/)?{whole}", re.DOTALL)


def parse_break(text: str) -> BreakPattern:
    """The pattern that `text` is: NAME, FILE:NAME, a glob in place of NAME, file:GLOB or file:GLOB:NAME.

    Raises ValueError, with a sentence, when it is none of these.
    """
    if text.startswith(FILE):
        file, colon, name = text.removeprefix(FILE).partition(":")
        if not _FILE_PATTERN.fullmatch(file) or (colon and not _is_name_pattern(name)):
            raise ValueError(f"{text!r} is not file:GLOB or file:GLOB:NAME")
        return BreakPattern(text, name or "*", file)
    *files, name = _COLON.split(text)
    if not _WILD.search(name):
        if not _PLAIN.fullmatch(text):
            raise ValueError(
                f"{text!r} is not the name of a function (NAME or FILE:NAME), nor a glob such as 'kvm_*'"
            )
        return BreakPattern(text, name, ":".join(files), is_glob=False)
    if len(files) > 1 or not _is_name_pattern(name) or not all(map(_FILE_PATTERN.fullmatch, files)):
        raise ValueError(f"{text!r} is not the name of a function, nor a glob of such names")
    return BreakPattern(text, name, "".join(files))


def _is_name_pattern(text: str) -> bool:
    """Whether `text` may be a glob of names; gdb's way to write an address, `*0x1234`, is none."""
    return _NAME_PATTERN.fullmatch(text) is not None and not _ADDRESS.fullmatch(text)
