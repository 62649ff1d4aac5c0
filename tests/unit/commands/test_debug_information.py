"""Source files come from debuginfod within limits, and a server that fails is not asked again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from analyzer.adapters.debuginfod import DebuginfodError, NotOnServerError
from analyzer.commands import debug_information
from analyzer.commands.debug_information import SourceFetcher
from analyzer.console import Console


@pytest.fixture
def fetcher():
    return SourceFetcher("ab12", "http://one.test", Console(io.StringIO()))


@pytest.fixture
def asked(monkeypatch):
    """The files that a server was asked for; one whose name is an error raises it."""
    files = []
    errors = {"/missing.c": NotOnServerError("no file"), "/down.c": DebuginfodError("refused")}

    def fetch(_build_id, file, _urls, timeout, _max_size):
        files.append(file)
        assert timeout <= 60
        if file in errors:
            raise errors[file]
        return Path("/cache") / file.removeprefix("/")

    monkeypatch.setattr(debug_information, "fetch_source", fetch)
    return files


def test_a_file_that_the_server_lacks_does_not_end_the_download(fetcher, asked):
    assert [fetcher(file) for file in ("/missing.c", "/a.c")] == [None, Path("/cache/a.c")]
    assert asked == ["/missing.c", "/a.c"]


def test_a_server_that_fails_is_not_asked_again(fetcher, asked):
    assert [fetcher(file) for file in ("/down.c", "/a.c")] == [None, None]
    assert asked == ["/down.c"]


def test_the_source_of_a_library_is_not_asked_for(fetcher, asked):
    assert fetcher("./nptl/pthread_create.c") is None
    assert not asked


def test_the_number_of_files_and_the_time_have_a_limit(fetcher, asked, monkeypatch):
    for number in range(400):
        fetcher(f"/{number}.c")
    assert len(asked) == 300
    slow = SourceFetcher("ab12", "http://one.test", Console(io.StringIO()))
    assert slow("/a.c") is not None
    now = debug_information.time.monotonic()
    monkeypatch.setattr(debug_information.time, "monotonic", lambda: now + 61)
    assert slow("/b.c") is None
