"""Which format a text is of, from its beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from analyzer.imports import folded, gdb_mi, perf_script
from analyzer.imports.lines import FRAME_START, LinePrefixes, clean_line

GDB, MI, PERF, FOLDED = "gdb", "mi", "perf", "folded"
FORMATS = {
    GDB: "gdb's bt, bt full, thread apply all bt, coredumpctl info, AddressSanitizer, what analyze show prints",
    MI: "gdb's machine interface (-stack-list-frames)",
    PERF: "perf script",
    FOLDED: "folded stacks",
}
_LINES, _CHARACTERS = 500, 1 << 20  # that are looked at


class DetectedFormat(NamedTuple):
    """The format, "" when the text has no sign of any; and all lines, those looked at among them."""

    format: str
    lines: Iterator[str]


def detect(lines: Iterable[str]) -> DetectedFormat:
    """Looks at the first lines; the first sure sign counts."""
    rest = iter(lines)
    head: list[str] = []
    size, prefixes = 0, LinePrefixes()
    before = ""
    found = ""
    for line in rest:
        head.append(line)
        size += len(line)
        text = clean_line(line)
        found = _sign(text, prefixes.strip(text), before)
        before = text
        if found or len(head) >= _LINES or size > _CHARACTERS:
            break
    return DetectedFormat(found, chain(head, rest))


def _sign(text: str, stripped: str, before: str) -> str:
    if perf_script.sampled(before, text):
        return PERF
    if gdb_mi.RECORD.match(text):
        return MI
    if FRAME_START.match(stripped):
        return GDB
    return FOLDED if ";" in text and "#" not in text[:1] and folded.COUNT.search(text[-20:]) else ""
