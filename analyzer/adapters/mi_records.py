"""Reads the lines that gdb prints on its machine interface (gdb manual, "GDB/MI Output Syntax").

pygdbmi parses the records. It never ends on a record that is cut off, and the program that gdb runs can print to
the same pipe: so only a record of the form that the manual describes is given to it, any other line is output.
This is the only module that imports pygdbmi.
"""

from __future__ import annotations

import re
from typing import Any

_RECORD = re.compile(r"\d{0,18}[\^*=][^\s,]+(?:,(.*))?")
_STREAM = re.compile(r'[~&@]"(?:[^"\\]|\\.)*"')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]|[A-Za-z_][\w-]*=')
_PROMPT = "(gdb)"
_MAX_DEPTH = 30  # pygdbmi calls itself for each value within a value
_OPENING = {"]": "[", "}": "{"}


def parse_record(line: str) -> dict[str, Any]:
    """The record in `line`, which has no line end, with the keys type, message, payload and token of pygdbmi.

    The payload of a result and of a notification is a dictionary, {} when there is none. The prompt, which ends
    what gdb prints about a command, has the type "done". A line of another form has the type "output" and is its
    own payload.
    """
    if line.rstrip() == _PROMPT:
        return {"type": "done", "message": None, "payload": None, "token": None}
    match = _RECORD.fullmatch(line)
    if match is None and not _STREAM.fullmatch(line):
        return _output(line)
    if match is not None and match[1] is not None and not _are_results(match[1]):
        return _output(line)
    from pygdbmi import gdbmiparser  # so that gdb starts before that takes time

    try:
        record: dict[str, Any] = gdbmiparser.parse_response(line)
    except ValueError:  # an escape in a string that C has not
        return _output(line)
    if record["type"] in ("result", "notify"):
        record["payload"] = record["payload"] or {}
    return {"token": None, **record}


def started_process(record: dict[str, Any]) -> int | None:
    """The process id in the notification that a program has started; None in another record."""
    if record["type"] != "notify" or record["message"] != "thread-group-started":
        return None
    pid = text_in(record, "pid")
    return int(pid) if re.fullmatch(r"[0-9]{1,9}", pid) else None


def text_in(record: dict[str, Any], key: str) -> str:
    """The text that the payload of a record has for `key`; "" for none, and for a list or a tuple."""
    value = record["payload"].get(key, "")
    return value if isinstance(value, str) else ""


def _output(line: str) -> dict[str, Any]:
    return {"type": "output", "message": None, "payload": line, "token": None}


def _are_results(text: str) -> bool:
    """Whether `text` is `name=value,…`, where a value is a string, a tuple `{…}` or a list `[…]`."""
    nest: list[str] = []
    position, wants = 0, "result"  # what has to follow: a result, a value, or the end of one
    while position < len(text):
        token = _TOKEN.match(text, position)
        following = _after(token[0], wants, nest) if token is not None else ""
        if token is None or not following:
            return False
        position, wants = token.end(), following
    return not nest and wants == "end"


def _after(token: str, wants: str, nest: list[str]) -> str:
    """What has to follow `token`; "" when it may not stand here. `nest`: the brackets that are open."""
    mark = token[0]
    if mark in "]}":
        return "end" if nest and nest.pop() == _OPENING[mark] and wants != "value" else ""
    if wants == "end":
        return "result" if mark == "," else ""
    is_value = mark in '"[{'
    if is_value and wants == "result" and nest[-1:] != ["["]:  # only in a list a value needs no name
        return ""
    if is_value and mark != '"':
        nest.append(mark)
        return "result" if len(nest) <= _MAX_DEPTH else ""
    if is_value:
        return "end"
    return "value" if mark != "," and wants == "result" else ""
