"""Lines on the machine interface of gdb: of gdb, or of a program that prints to the same pipe."""

from __future__ import annotations

from pathlib import Path

from analyzer.adapters.mi_records import parse_record, started_process, text_in

KEYS = {"type", "message", "payload", "token"}


def check(data: bytes, folder: Path) -> None:
    for line in data.split(b"\n"):
        record = parse_record(line.decode(errors="replace").rstrip("\r"))
        assert set(record) >= KEYS
        started = started_process(record)
        assert started is None or started >= 0
        if record["type"] in ("result", "notify"):
            assert isinstance(record["payload"], dict)
            assert isinstance(text_in(record, "reason"), str)
