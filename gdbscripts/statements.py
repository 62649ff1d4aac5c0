"""What the source says near a line that optimised code names only roughly: it moves and merges stores."""

from __future__ import annotations

import linecache
import re
from typing import Set

import gdb

from gdbscripts.trail import SourcePlace, place_of

_NEAR = 12  # lines
_LONGEST_CALL = 4  # lines


def is_written_at(place: SourcePlace, name: str) -> bool:
    """Whether `name` is written in the call that begins at `place`."""
    lines = (linecache.getline(place.file, place.line + more) for more in range(_LONGEST_CALL))
    return any(re.search(r"\b%s\b" % re.escape(name), line) for line in lines)


def assignment_near(place: SourcePlace, slot: str, target: str) -> SourcePlace:
    """`place`, at the line near it that assigns `target` to the member that `slot` names, if exactly one does."""
    member = slot.rpartition(".")[2].partition("[")[0]
    if not member or re.search(r"\b%s\b" % re.escape(member), linecache.getline(place.file, place.line)):
        return place
    assignment = re.compile(r"\b%s\b[^=;]*=[^=;]*\b%s\b" % (re.escape(member), re.escape(target)))
    near = range(max(1, place.line - _NEAR), place.line + _NEAR)
    found = [number for number in near if assignment.search(linecache.getline(place.file, number))]
    same = len(found) == 1 and place.function in _functions_at(place.file, found[0])
    return place._replace(line=found[0]) if same else place


def _functions_at(file: str, line: int) -> Set[str]:
    """The functions that have code of this line."""
    try:
        _, locations = gdb.decode_line("%s:%d" % (file, line))
    except gdb.error:
        return set()
    return {place_of(sal.pc).function for sal in locations or () if sal.pc}
