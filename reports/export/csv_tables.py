"""Writes the ioctls and the guest's accesses as CSV (RFC 4180), with a row of names first."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from analyzer.kvm.io_accesses import io_accesses
from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.frames import Stop, calls_in_program, chain_text
from analyzer.model.recording import Recording
from reports.sanitize import one_line

IOCTL_COLUMNS = (
    "number", "time", "thread", "fd", "file", "descriptor", "request", "argument", "result", "calls", "kernel",
    "kernel_observed",
)  # fmt: skip
ACCESS_COLUMNS = (
    "time", "thread", "kind", "address", "size", "count", "value", "instruction", "reason", "served", "calls",
    "coalesced_calls", "kernel", "detail",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@")  # the first characters of what spreadsheets take for a formula
_NUMBER = re.compile(r"[-+]?[\d.]+(?: \w+)?")  # as in `-1 EINVAL`, which every spreadsheet takes for text
_Cell = str | int | float | bool | None


def ioctls_csv(recording: Recording) -> Iterator[str]:
    """Yield the rows of the ioctls in the order made; times in seconds, calls with the arrows of their kinds."""
    rows = (
        (
            line.number, line.time, line.thread, line.fd, line.file, line.descriptor, line.request, line.argument,
            line.result, line.calls, line.kernel_calls, line.observed,
        )
        for line in ioctl_log(recording)
    )  # fmt: skip
    return _table(IOCTL_COLUMNS, rows)


def accesses_csv(recording: Recording) -> Iterator[str]:
    """Yield the rows of the guest's accesses; times in seconds, sizes in bytes, ` | ` between chains."""
    rows = (
        (
            access.time, access.thread, access.kind, access.address, access.size, access.count, access.value,
            access.instruction, access.reason, access.served, _calls(access.handled), _calls(access.coalesced),
            " > ".join(access.kernel), access.detail,
        )
        for access in io_accesses(recording)
    )  # fmt: skip
    return _table(ACCESS_COLUMNS, rows)


def _calls(stops: Iterable[Stop]) -> str:
    return " | ".join(chain_text(calls_in_program(stop.frames)) for stop in stops)


def _table(columns: Sequence[str], rows: Iterable[Sequence[_Cell]]) -> Iterator[str]:
    yield _row(columns)
    for row in rows:
        yield _row([_cell(value) for value in row])


def _row(cells: Sequence[_Cell]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()


def _cell(value: _Cell) -> _Cell:
    """Return a value of a row: text in one line, an apostrophe before what a spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else value
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
