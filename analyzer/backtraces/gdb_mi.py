"""Reads the output of gdb's machine interface (gdb manual, "GDB/MI Output Syntax") from untrusted text.

Not with pygdbmi, which reads the MI of our own gdb: it loops forever on a line that was cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.backtraces.gdb_frames import MAX_LINE_LENGTH
from analyzer.backtraces.gdb_text import GdbText
from analyzer.backtraces.line_cleanup import clean_line
from analyzer.backtraces.stacks import (
    UNKNOWN_FRAME,
    ImportedFrame,
    ImportedStack,
    ThreadLabel,
    UnreadLines,
    have_same_address,
    limit_depth,
)
from gdbscripts.enums import FrameKind
from gdbscripts.records import SIGNAL, UNKNOWN_NAME

_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<name>[\w-]{1,64})=|(?P<mark>[\[\]{},]))')
_ESCAPE = re.compile(r"\\([0-7]{3}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "e": "\x1b"}
_MAX_NESTING = 32


def parse_results(text: str) -> dict[str, Any] | None:
    """Parse the results `a="1",b=[frame={…},…]` into a dictionary; None for other text.

    A list of results becomes a list of their values, without the names.
    """
    top: dict[str, Any] = {}
    nest: list[Any] = [top]
    name, position = "", 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None or len(nest) > _MAX_NESTING:
            return None
        position = token.end()
        if token["name"] is not None:
            name = token["name"]
        elif token["string"] is not None:
            _put(nest[-1], name, decode_c_string(token["string"]))
        elif token["mark"] in "[{":
            inner: Any = [] if token["mark"] == "[" else {}
            _put(nest[-1], name, inner)
            nest.append(inner)
        elif token["mark"] in "]}" and not _close(nest, token["mark"]):
            return None
    return top if len(nest) == 1 else None


def decode_c_string(string: str) -> str:
    """The text of an MI c-string, given with its quotes; octal escapes are bytes of UTF-8."""
    raw = _ESCAPE.sub(_character, string[1:-1])
    try:
        return raw.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return raw


def _character(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 8) & 0xFF) if len(code) == 3 else _PLAIN.get(code, code)


def _put(inside: Any, name: str, value: Any) -> None:
    if isinstance(inside, list):
        inside.append(value)
    else:
        inside[name] = value


def _close(nest: list[Any], mark: str) -> bool:
    """Take the innermost value off `nest`; whether `mark` is the bracket that closes it."""
    expected = list if mark == "]" else dict
    return len(nest) > 1 and isinstance(nest.pop(), expected)


RECORD = re.compile(r'\s*(?:\d*\^done,(?:stack|stack-args|frame|threads)=|~"(?:\\n)?(?:#\d|Thread \d))')
_RESULT = re.compile(r"\s*\d*[\^*=+](?P<class>[\w-]+)(?:,(?P<results>.*))?$")
_ENDED = re.compile(r"\s*\d*\^(?:done|error)\b")
_CONSOLE = re.compile(r'\s*~("(?:[^"\\]|\\.)*")$')
_SILENT = re.compile(r'\s*(?:[&@]".*|\d*-[\w-]+.*|\(gdb\)\s*)$')


def read(lines: Iterable[str], unread: UnreadLines) -> Iterator[ImportedStack]:
    """The stacks in MI output `lines`, and in its console records; lines not understood go to `unread`."""
    console = GdbText(unread)
    thread: ThreadLabel | None = None
    frames: list[ImportedFrame] = []  # of the last stack: its arguments may come in a later record
    number, console_line = 0, ""  # the beginning of a console line
    for number, raw in enumerate(lines, 1):
        line = clean_line(raw)
        if printed := _CONSOLE.match(line):
            *complete, console_line = (console_line + decode_c_string(printed[1]))[:MAX_LINE_LENGTH].split("\n")
            for part in complete:
                yield from console.feed(number, part)
            continue
        results = _results(line)
        if _ENDED.match(line):
            yield from console.start_command()
        if results is None:
            if line.strip() and not _SILENT.match(line):
                unread.add(number, line)
            continue
        if "stack-args" in results:
            frames = _with_arguments(frames, results["stack-args"])
        if "stack" in results or "thread-id" in results:
            yield from _stack(frames, thread)
            frames = []
        thread = _thread(results, thread)
        if "stack" in results:
            frames = _frames(results["stack"])
    yield from _stack(frames, thread)
    yield from console.feed(number, console_line) if console_line else ()
    yield from console.end()


def _results(line: str) -> dict[str, Any] | None:
    record = _RESULT.match(line)
    return parse_results(record["results"] or "") if record else None


def _stack(frames: list[ImportedFrame], thread: ThreadLabel | None) -> Iterator[ImportedStack]:
    if frames:
        yield ImportedStack(limit_depth(frames), thread)


def _thread(results: dict[str, Any], current: ThreadLabel | None) -> ThreadLabel | None:
    number = results.get("thread-id", results.get("new-thread-id", ""))
    return ThreadLabel(int(number)) if isinstance(number, str) and _is_number(number) else current


def _frames(stack: Any) -> list[ImportedFrame]:
    """The frames of `stack`, innermost first, with an unknown frame for each gap in the levels."""
    frames: list[ImportedFrame] = []
    expected = 0
    for entry in stack if isinstance(stack, list) else ():
        if not isinstance(entry, dict):
            continue
        level = entry.get("level", "")
        if not _is_number(level) or int(level) != expected:
            frames.append(UNKNOWN_FRAME)
        frames.append(_frame(entry))
        expected = int(level) + 1 if _is_number(level) else expected + 1
    return [_inlined(frame, outer) for frame, outer in zip(frames, [*frames[1:], UNKNOWN_FRAME], strict=True)]


def _frame(entry: dict[str, Any]) -> ImportedFrame:
    text = {name: value for name, value in entry.items() if isinstance(value, str)}
    name, address = text.get("func") or UNKNOWN_NAME, text.get("addr", "")
    known = bool(re.fullmatch(r"0x[0-9a-fA-F]{1,16}", address))
    return ImportedFrame(
        name=name,
        file=text.get("fullname") or text.get("file", ""),
        line=int(text["line"]) if _is_number(text.get("line", "")) else 0,
        library=text.get("from", ""),
        pc=int(address, 16) if known else 0,
        addressed=known,
        kind=FrameKind.SIGNAL if name == SIGNAL else FrameKind.NORMAL,
        arguments=_arguments(entry.get("args")),
    )


def _inlined(frame: ImportedFrame, outer: ImportedFrame) -> ImportedFrame:
    """Mark `frame` as inlined into `outer` when both have the same address: MI has no other sign of it."""
    plain = frame.kind is FrameKind.NORMAL and not frame.is_unknown
    return frame._replace(kind=FrameKind.INLINE) if plain and have_same_address(frame, outer) else frame


def _arguments(values: Any) -> tuple[tuple[str, str], ...]:
    pairs = values if isinstance(values, list) else []
    known = [pair for pair in pairs if isinstance(pair, dict) and isinstance(pair.get("name"), str)]
    return tuple((pair["name"], str(pair.get("value", "..."))) for pair in known)


def _with_arguments(frames: list[ImportedFrame], levels: Any) -> list[ImportedFrame]:
    """The frames with the arguments of a stack-args record; unchanged when it has another number of levels."""
    entries = levels if isinstance(levels, list) else []
    if len(entries) != len(frames) or any(frame.is_unknown for frame in frames):
        return frames
    return [
        frame._replace(arguments=_arguments(entry.get("args")) if isinstance(entry, dict) else ())
        for frame, entry in zip(frames, entries, strict=True)
    ]


def _is_number(text: Any) -> bool:
    return isinstance(text, str) and len(text) < 8 and text.isdecimal() and text.isascii()
