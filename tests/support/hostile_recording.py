"""A recording of a program in which every text that others choose is one hostile name."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from pathlib import Path

from gdbscripts.enums import RecordingOutcome
from gdbscripts.json_lines import from_line, to_line
from gdbscripts.kvm_records import ExitResultRecord, KvmExitRecord
from gdbscripts.records import (
    AcceleratorRecord,
    EndRecord,
    HeaderRecord,
    NoteRecord,
    OutputRecord,
    Record,
    SourceRecord,
)
from reports.sanitize import map_texts
from tests.support.inputs import RECORDS
from tests.support.notation import header

_KEPT = {
    "call",
    "data",
    "run",
    "created",
    "accelerator_asked",
}  # texts with a syntax


def hostile_records(name: str) -> list[Record]:
    """The records of `tests.support.inputs`, with `name` as every text, and those that hold outputs and notes."""
    more = [
        AcceleratorRecord("kvm", "evidence"),
        OutputRecord("serial", "text"),
        OutputRecord("stderr", "text"),
        NoteRecord("text"),
        SourceRecord("/src/hw/goal.c", 5, ["one", "two", "three"]),
    ]
    records = [from_line(to_line(record)) for record in RECORDS]
    named = [_named(record, name) for record in [header(), *records[:-1], *more]]
    return [*named, EndRecord(RecordingOutcome.COMPLETE, name, 3, 1)]


def write_hostile_recording(folder: Path, name: str) -> Path:
    """Write the recording into the new folder `folder`, and return the folder."""
    folder.mkdir()
    (folder / "recording.jsonl").write_text("".join(map(to_line, hostile_records(name))))
    return folder


def _named(record: Record, name: str) -> Record:
    if isinstance(record, (KvmExitRecord, ExitResultRecord)):
        return record
    values = {
        field.name: map_texts(getattr(record, field.name), lambda _: name)
        for field in fields(record)
        if field.name not in _KEPT and not isinstance(getattr(record, field.name), Enum)
    }
    if isinstance(record, HeaderRecord):
        values["build"] = {name: name}
    if isinstance(record, OutputRecord):
        values["stream"] = record.stream
    return replace(record, **values)
