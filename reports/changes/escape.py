"""Text of a program inside of Markdown: it says what it says, and does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = re.compile("\x02([^\x03]*)\x03")  # texts that are shown contain no such characters
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]#!|~$])")
_BEGINNING = re.compile(r"^(\d*)([-+=.)])")
_RUN = re.compile("`+")
# An empty comment ends a word unseen: nobody is mentioned, no issue is linked, no address becomes a link.
_NOTHING = "<!-- -->"
_ACTIVE = re.compile(r"(@|#(?=\w)|\bGH(?=-\d)|://|\bwww(?=\.)|[!&](?=\d)|[%~$](?=\w))")


def name(text: str) -> str:
    """`text`, marked for `prose` as a name; "" stays what it is."""
    return f"\x02{text}\x03" if text else ""


def prose(text: str) -> str:
    """A line of Markdown: names in code spans; in the rest nothing that Markdown or a platform would act upon."""
    parts = _NAME.split(text)
    plain = [_plain(part, beginning=position == 0) for position, part in enumerate(parts[::2])]
    names = [*map(code, parts[1::2]), ""]
    return "".join(part for pair in zip(plain, names, strict=True) for part in pair)


def code(text: str) -> str:
    """A code span."""
    fences = "`" * (_longest_run([text]) + 1)
    padding = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fences}{padding}{text}{padding}{fences}"


def fence(lines: Iterable[str]) -> str:
    """The line that begins a block of code which none of `lines` can end."""
    return "`" * max(3, _longest_run(lines) + 1)


def _longest_run(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in _RUN.findall(line)), default=0)


def _plain(text: str, beginning: bool) -> str:
    parts = _ACTIVE.split(text)
    parts[::2] = map(_escaped, parts[::2])
    parts[1::2] = [_escaped(active) + _NOTHING for active in parts[1::2]]
    return _BEGINNING.sub(r"\1\\\2", "".join(parts)) if beginning else "".join(parts)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PUNCTUATION.sub(r"\\\1", text)
