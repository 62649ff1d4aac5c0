"""Progress while a large recording is read: on a terminal only, and only when it lasts."""

from __future__ import annotations

import io
import sys

import pytest

import analyzer.console
from analyzer.console import ReadingProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(analyzer.console.time, "monotonic", lambda: now[0])
    return now


def test_progress_appears_after_a_second_and_is_erased_at_the_end(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = ReadingProgress("out", 4 << 20)
    progress.report(1 << 20)
    assert terminal.getvalue() == ""
    clock[0] += 2
    progress.report(2 << 20)
    assert "Reading out: [############............] 2 MiB of 4 MiB" in terminal.getvalue()
    progress.end()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_no_progress_is_written_to_a_file(clock, monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    progress = ReadingProgress("out", 4 << 20)
    clock[0] += 2
    progress.report(2 << 20)
    progress.end()
    assert file.getvalue() == ""
