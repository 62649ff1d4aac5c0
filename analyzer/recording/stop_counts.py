"""Counts the stops of a recording file by what they have in common, before any of them is made.

It is the first of two passes with which `analyze show` prints while it reads: a heading has the count of all equal
stops, which only the whole file tells. One regular expression finds nearly all stops, without decoding.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from analyzer.recording.line_decoder import decode_lines
from gdbscripts.enums import StopReason
from gdbscripts.records import FrameRecord, Record, RepeatRecord, StackRecord, StopRecord

StopGroup = tuple[object, ...]
# Three kinds of lines: a stop without rare fields, as `to_line` writes it (groups: number, common fields, thread);
# a frame or a stack, which has no count; any other line. Each alternative takes one whole line.
_LINES = re.compile(
    rb'(?:\{"record": "(?:stop", "number": (\d+), "time": [^,\n]+, '
    rb'("thread": (\d+), "reason": "[^"\n]*", "milestones": \[[^\]\n]*\], "function": "[^"\\\n]*", "stack": \d+)'
    rb'(?:, "arguments": \[.*\])?\}|(?:frame|stack)".*)|(.*))\n'
)


class _CommonFields(msgspec.Struct):
    """The fields of a stop without rare ones, but for number and time."""

    thread: int
    reason: StopReason
    milestones: tuple[str, ...]
    function: str
    stack: int


_decode_common = msgspec.json.Decoder(_CommonFields).decode


def group_of(stop: StopRecord) -> StopGroup:
    """What equal stops have in common: `distinct_stops` with `merge_ioctls` makes one stop of a group."""
    if stop.starts and not stop.request:
        return ("single", stop.number)
    stack: object = tuple(stop.frames) if stop.frames else stop.stack
    common = (stop.thread, stop.reason, tuple(stop.milestones), stop.function, stack)
    rare = (stop.signal, stop.open_ended, *((stop.request, stop.file) if stop.request else ()))
    return common if rare == ("", False) else (*common, *rare)


def _plain_group(fields: bytes) -> StopGroup:
    """The group of a stop with these common fields; one of its own for fields that are damaged."""
    try:
        common = _decode_common(b"{%b}" % fields)
    except ValueError:
        return ("damaged", fields)
    return common.thread, common.reason, common.milestones, common.function, common.stack


@dataclass
class StopCounts:
    """The hits of each group of equal stops, and what else only the whole file tells."""

    hits: Counter[StopGroup] = field(default_factory=Counter)
    rare_stops: list[StopRecord] = field(default_factory=list)  # with fields that few stops have
    records: list[Record] = field(default_factory=list)  # all others but frames, stacks and repeats
    first_stops: dict[int, int] = field(default_factory=dict)  # thread -> number of its first stop
    repeated: dict[int, int] = field(default_factory=dict)  # number of a stop -> its further hits


def count_stops(blocks: Iterable[bytes], again: Iterable[bytes]) -> StopCounts:
    """Count the stops in a file, given twice in blocks of whole lines.

    `again` is read only when the recorder counted further hits of single stops. A line that is no record, and
    those after it in its block, are passed over: the second pass tells what is wrong.
    """
    counts, plain = StopCounts(), Counter[bytes]()
    for block in blocks:
        lines = _LINES.findall(block)
        plain.update([fields for _, fields, _, _ in lines if fields])
        first = {thread: number for number, fields, thread, _ in reversed(lines) if fields}
        for thread, number in first.items():
            known = counts.first_stops.get(int(thread), int(number))
            counts.first_stops[int(thread)] = min(known, int(number))
        for record in decode_lines([line for *_, line in lines if line]):
            _add(record, counts)
    if counts.repeated:
        for block in again:
            for number, fields, _, _ in _LINES.findall(block):
                if fields and (further := counts.repeated.get(int(number))):
                    plain[fields] += further
    for fields, hits in plain.items():
        counts.hits[_plain_group(fields)] += hits
    for stop in counts.rare_stops:
        counts.hits[group_of(stop)] += stop.count + counts.repeated.get(stop.number, 0)
    return counts


def _add(record: Any, counts: StopCounts) -> None:
    if record.TAG == RepeatRecord.TAG:
        counts.repeated[record.stop] = counts.repeated.get(record.stop, 0) + record.count
    elif record.TAG == StopRecord.TAG:
        counts.rare_stops.append(record)
        known = counts.first_stops.get(record.thread, record.number)
        counts.first_stops[record.thread] = min(known, record.number)
    elif record.TAG not in (FrameRecord.TAG, StackRecord.TAG):
        counts.records.append(record)
