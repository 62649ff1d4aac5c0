"""Recognises text that is not read, and names the command that gives what can be read."""

from __future__ import annotations

import re
from typing import NamedTuple


class UnsupportedTool(NamedTuple):
    """A tool whose output is not read. `sign` is a line of it; `instead` is the next step, as a sentence."""

    name: str
    sign: re.Pattern[str]
    instead: str


_TOOLS = (
    UnsupportedTool(
        "perf report",
        re.compile(
            r"# (?:To display the perf\.data header| *Overhead | *Children )|# Samples: \S+ +of event|"
            r"[ |]*[|-]--\d{1,3}\.\d\d%--"
        ),
        "It has shares of the samples, not the stacks. In the folder of perf.data: perf script | analyze import -",
    ),
    UnsupportedTool(
        "perf script without the fields comm and tid",
        re.compile(r"(?=[a-f]*\d)[0-9a-f]{4,16} [\w.$]+(?:\+0x[0-9a-f]+)?(?: \(\S+\))?$"),
        "Give it the fields: perf script -F comm,pid,tid,time,event,ip,sym,dso",
    ),
    UnsupportedTool(
        "Python",
        re.compile(r"Traceback \(most recent call last\):|File \"[^\"]{1,300}\", line \d{1,9}, in "),
        "The functions of a process in C: gdb -p PID -batch -ex 'thread apply all bt'",
    ),
    UnsupportedTool(
        "WinDbg",
        re.compile(r"(?:[0-9a-f]{2} )?[0-9a-f`]{8,17} [0-9a-f`]{8,17} +\S+!\S+"),
        "Only gdb's and lldb's backtraces of Windows programs are read.",
    ),
)  # fmt: skip


def unsupported_tool(lines: list[str]) -> UnsupportedTool | None:
    """The tool whose output `lines` look like; None when they look like none."""
    return next((tool for tool in _TOOLS if any(map(tool.sign.match, lines))), None)
