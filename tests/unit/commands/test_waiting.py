"""Progress is visible, also where there is no terminal, and does not flood it."""

from __future__ import annotations

import io
import time

import pytest

from analyzer.console import Console


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def wait_a_minute(stream, clock):
    shown = Console(stream)
    for tenth in range(600):
        clock[0] = 1000.0 + tenth / 10
        shown.waiting(["The guest runs", "Another"], tenth / 10)
    return stream.getvalue()


def test_without_a_terminal_there_is_a_line_every_few_seconds(clock):
    lines = wait_a_minute(io.StringIO(), clock).splitlines()
    assert lines[0] == "       5 s  waiting for: The guest runs and 1 more"
    assert 10 <= len(lines) <= 12


def test_on_a_terminal_one_line_changes(clock):
    stream = io.StringIO()
    stream.isatty = lambda: True
    text = wait_a_minute(stream, clock)
    assert "\n" not in text
    assert text.count("waiting for") > 60
