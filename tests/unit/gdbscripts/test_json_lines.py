"""Lines in, records out, and back."""

from __future__ import annotations

import json
from dataclasses import fields
from enum import Enum
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbscripts import enums
from gdbscripts.json_lines import LineError, from_line, schema_of, to_line
from gdbscripts.records import NoteRecord, Record
from tests.support.notation import header

TEXT = st.text(max_size=20)
VALUES = {
    "str": TEXT,
    "int": st.integers(-(2**63), 2**63),
    "bool": st.booleans(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "List[str]": st.lists(TEXT, max_size=3),
    "List[List[str]]": st.lists(st.lists(TEXT, max_size=3), max_size=2),
    "List[int]": st.lists(st.integers(0, 99), max_size=3),
    "Optional[int]": st.none() | st.integers(0, 255),
    "Optional[str]": st.none() | TEXT,
    "Dict[str, Any]": st.dictionaries(TEXT, TEXT, max_size=2),
    "List[Arguments]": st.lists(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=2), max_size=2),
}


def value_of(annotation):
    """Values of a field with that annotation."""
    return VALUES[annotation] if annotation in VALUES else st.sampled_from(list(getattr(enums, annotation)))


RECORDS = st.sampled_from(sorted(get_args(Record), key=str)).flatmap(
    lambda kind: st.builds(kind, **{f.name: value_of(f.type) for f in fields(kind)})
)


@given(RECORDS)
def test_what_is_written_is_read(record):
    line = to_line(record)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    again = from_line(line)
    assert again == record
    assert {name: type(value) for name, value in vars(again).items() if isinstance(value, Enum)} == {
        name: type(value) for name, value in vars(record).items() if isinstance(value, Enum)
    }


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a record"),
        ('{"record": "nonsense"}', "not a record"),
        ('{"record": "note"}', "a note record lacks text"),
        (
            '{"record": "end", "outcome": "lost", "reason": "", "frames": 0, "stops": 0}',
            "field outcome of a end record: 'lost' is not one of complete, incomplete, interrupted",
        ),
        (
            '{"record": "end", "outcome": 1, "reason": "", "frames": 0, "stops": 0}',
            "outcome of a end record has the",
        ),
        ('{"record": "note", "text": 3}', "field text of a note record has the wrong type"),
        ('{"record": "note", "text": "", "more": 1}', "no field more"),
    ],
)
def test_a_line_that_is_no_record_says_why(line, complaint):
    with pytest.raises(LineError, match=complaint):
        from_line(line)


def test_the_schema_of_a_foreign_header_can_still_be_read():
    assert schema_of(json.dumps({"record": "header", "schema": 99, "shape": "unknown"})) == 99
    assert schema_of("no json") is None
    assert schema_of("[1]") is None


def test_a_line_is_plain_ascii_whatever_the_program_is_called():
    assert to_line(NoteRecord("QEMU – \u2028 läuft")).isascii()


def test_the_header_tells_where_a_recording_comes_from():
    assert {"build_id", "qemu_version", "gdb_version", "command", "host"} <= vars(header()).keys()
