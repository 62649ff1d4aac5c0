"""Reads the lines of a recording file, block by block, and decodes them in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from analyzer.errors import AnalyzerError, newer_schema
from analyzer.recording.line_decoder import decode_line, decode_lines
from gdbscripts.json_lines import LineError, from_line, schema_of
from gdbscripts.records import SCHEMA, Record

FILE_NAME = "recording.jsonl"
_BLOCK = 1 << 18  # bytes that are decoded at once; their records are in memory together
_MAX_LINE_LENGTH = 1 << 25  # bytes; a stack of 2000 frames with long arguments has a hundredth of it


def read_records(stream: BinaryIO, name: str, report: Callable[[int], None] | None = None) -> Iterator[Record]:
    """The records of `stream`, without an incomplete last line, which a killed recorder leaves.

    `report` is called with the number of bytes read so far. Raises AnalyzerError, with `name`, for an empty file,
    a newer schema, an endless line, and a line that is no record, with its number.
    """
    blocks = _blocks(stream, name, report)
    first = next(blocks, b"")
    if not first:
        raise AnalyzerError(f"{name} is empty, not a recording.", "Record one: analyze startup --qemu PATH.")
    line, _, rest = first.partition(b"\n")
    yield _first_record(line.decode("utf-8", "replace"), name)
    number = 1
    lines = rest.split(b"\n")
    while True:
        incomplete = lines.pop()
        records = decode_lines(lines)
        yield from records
        if len(records) < len(lines):
            _raise_damage(lines[len(records)], name, number + len(records) + 1)
        number += len(lines)
        block = next(blocks, b"")
        if not block:
            return
        lines = (incomplete + block).split(b"\n")


def whole_lines(stream: BinaryIO, name: str, report: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The content of `stream` in blocks of whole lines, without an incomplete last line; errors as `read_records`
    for an endless line."""
    incomplete = b""
    for block in _blocks(stream, name, report):
        lines, end, rest = block.rpartition(b"\n")
        if end:
            yield incomplete + lines + end
            incomplete = rest


def _blocks(stream: BinaryIO, name: str, report: Callable[[int], None] | None) -> Iterator[bytes]:
    """The content of `stream` in blocks, of which only the last may lack a line end."""
    read = 0
    parts: list[bytes] = []
    while block := stream.read(_BLOCK):
        read += len(block)
        parts.append(block)
        if b"\n" in block:
            yield b"".join(parts)
            parts = []
            if report is not None:
                report(read)
        elif sum(map(len, parts)) >= _MAX_LINE_LENGTH:
            raise AnalyzerError(f"{name} is not a recording: it has a line of {_MAX_LINE_LENGTH} bytes.")
    if parts:
        yield b"".join(parts)


def _first_record(line: str, name: str) -> Record:
    schema = schema_of(line)
    if schema is not None and schema > SCHEMA:
        raise newer_schema(name, schema, SCHEMA)
    try:
        return from_line(line)
    except LineError as error:
        raise AnalyzerError(
            f"{name} is not a recording: {error}.",
            f"Give an output folder or its {FILE_NAME}; analyze import makes one of a backtrace.",
        ) from None


def _raise_damage(line: bytes, name: str, number: int) -> None:
    """Raise the AnalyzerError for `line`, which is no record."""
    try:
        decode_line(line)
    except LineError as error:
        raise AnalyzerError(f"{name} is damaged in line {number}: {error}.") from None
