"""Decoding with msgspec: the same records and the same refusals as `from_line`, in blocks and in one pass."""

from __future__ import annotations

import io
import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import AnalyzerError
from analyzer.recording import record_lines
from analyzer.recording.line_decoder import decode_line, decode_lines
from analyzer.recording.record_lines import read_records
from gdbscripts.json_lines import LineError, from_line, to_line
from gdbscripts.records import StackRecord, StopRecord
from tests.support.inputs import RECORDS
from tests.support.notation import header

LINES = [to_line(record) for record in [header(), *RECORDS]]
NUMBERS = [-1, 7, 2**63, 2**64, 2**64 + 1, -(2**64), 10**30, 0.5, 1e300]
LISTS = [[], [1], [[1]], [["a", "b"]], [[["a", "b"]]], [[["a"]]], [[["a", 1]]]]
WRONG = st.sampled_from([None, True, "", "x", "\ud800", "\U0001f600", {}, {"a": 1}, *NUMBERS, *LISTS])


def values(record):
    """The fields of a record, whichever type stands for it."""
    kinds = {type(known).TAG: type(known) for known in [header(), *RECORDS]}
    return record.TAG, {field.name: getattr(record, field.name) for field in fields(kinds[record.TAG])}


def outcome(decode, line):
    """The record as JSON reads it, or the sentence of the refusal."""
    try:
        tag, data = values(decode(line))
    except LineError as error:
        return str(error)
    return tag, json.loads(json.dumps(data))


def test_each_record_type_is_decoded_alike():
    for line in LINES:
        assert outcome(decode_line, line.encode()) == outcome(from_line, line)


@given(st.data())
@settings(max_examples=600)
def test_whatever_is_in_a_line_both_decoders_agree(data):
    record = json.loads(data.draw(st.sampled_from(LINES)))
    name = data.draw(st.sampled_from([*sorted(record), "more"]))
    if data.draw(st.booleans()):
        record[name] = data.draw(WRONG)
    else:
        record.pop(name, None)
    for line in (json.dumps(record), json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()):
        assert outcome(decode_line, line.encode()) == outcome(from_line, line)


@given(st.binary(max_size=40), st.integers(0, 200))
@settings(max_examples=300)
def test_any_bytes_in_a_line_are_decoded_or_refused_alike(inserted, position):
    line = LINES[-3].encode()
    changed = line[:position] + inserted.replace(b"\n", b"") + line[position:]
    assert outcome(decode_line, changed) == outcome(from_line, changed.decode("utf-8", "replace"))


@pytest.mark.parametrize("damage", [b"", b"{}", b"garbage", b'{"record": "stop"}', b'{"record": "note"} {}'])
def test_a_block_ends_at_its_first_damaged_line(damage):
    lines = [line.encode() for line in LINES]
    assert len(decode_lines([*lines[:5], damage, *lines[5:]])) == 5


def file_of(stops, damage=None):
    lines = [to_line(header()), *(to_line(StopRecord(n, 0.1, 1, "where", [], "f", 0)) for n in range(stops))]
    if damage is not None:
        lines.insert(damage, "garbage\n")
    return io.BytesIO("".join(lines).encode())


def test_each_line_is_decoded_once(monkeypatch):
    decoded = []

    def counted(lines):
        decoded.extend(lines)
        return decode_lines(lines)

    monkeypatch.setattr(record_lines, "decode_lines", counted)
    monkeypatch.setattr(record_lines, "_BLOCK", 1000)
    assert len(list(read_records(file_of(500), "r"))) == 501
    assert len(decoded) == 500


@pytest.mark.parametrize("block", [64, 1000, 1 << 20])
@pytest.mark.parametrize("line", [1, 2, 250, 500])
def test_a_damaged_line_has_its_number_wherever_the_blocks_end(block, line, monkeypatch):
    monkeypatch.setattr(record_lines, "_BLOCK", block)
    seen = []
    with pytest.raises(AnalyzerError, match=f"damaged in line {line + 1}: not JSON"):
        seen.extend(read_records(file_of(499, damage=line), "r"))
    assert [record.TAG for record in seen] == ["header", *["stop"] * (line - 1)]


@pytest.mark.parametrize("block", [64, 1 << 20])
@pytest.mark.parametrize("cut", [1, 5, 30])
def test_an_incomplete_last_line_is_left_out_wherever_the_blocks_end(block, cut, monkeypatch):
    monkeypatch.setattr(record_lines, "_BLOCK", block)
    whole = file_of(50).getvalue()
    assert len(list(read_records(io.BytesIO(whole[:-cut]), "r"))) == 50


def test_how_much_is_read_is_reported(monkeypatch):
    monkeypatch.setattr(record_lines, "_BLOCK", 1000)
    stream, reports = file_of(500), []
    list(read_records(stream, "r", reports.append))
    assert reports == sorted(reports) and reports[-1] == len(stream.getvalue()) and len(reports) > 10


def test_the_records_that_a_recording_has_many_of_are_decoded_by_msgspec():
    """Otherwise reading is slow, and nothing else tells."""
    for record in (StackRecord(0, [0, 1]), StopRecord(0, 0.5, 1, "where", [], "f", 0, [[["a", "1"]]])):
        assert not isinstance(decode_line(to_line(record).encode()), type(record))
