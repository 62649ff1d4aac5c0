"""Finds the debug information of a QEMU: on this host, else from a debuginfod server when the user agrees."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from analyzer.adapters.debug_files import (
    DebugFiles,
    DebugPlaces,
    find_debug_files,
    with_alternate_file,
    with_debug_file,
)
from analyzer.adapters.debuginfod import (
    DebuginfodError,
    NotOnServerError,
    cache_folder,
    fetch_debug_file,
    fetch_source,
    server_urls,
    without_passwords,
)
from analyzer.adapters.elf import debug_sections
from analyzer.adapters.qemu import no_debug_info_error
from analyzer.commands.debug_options import DebugOptions
from analyzer.console import Console

_MAX_SOURCES = 300  # files; the chains of a start are in fewer than a hundred
_MAX_SOURCE_SIZE = 4 << 20  # bytes
_SOURCES_TIMEOUT = 60.0  # seconds for all of them


class DebugInformation:
    """Finds the debug files of one QEMU, with progress and a question on `console`; later its source files."""

    def __init__(self, options: DebugOptions, console: Console) -> None:
        self._options = options
        self._console = console
        cache = None if options.debuginfod is False else cache_folder()
        self._places = DebugPlaces(options.debug_file, options.debug_directories, cache)
        self._agreed = options.debuginfod or (options.yes and options.debuginfod is None)

    def find(self, program: Path) -> DebugFiles:
        """The complete debug files of `program`; prints where they are when they are separate.

        Raises NoDebugInfoError, whose hint says how to get them, and AnalyzerError for a wrong --debug-file.
        """
        files = find_debug_files(program, self._places)
        if not files.complete:
            files = self._download(files)
        for sentence in files.refused:
            self._console.say(f"Not used: {sentence}")
        if files.debug_file != program:
            self._console.say(f"Debug information: {files.debug_file}")
        return files

    def source_fetcher(self, program: Path) -> SourceFetcher | None:
        """What fetches the source files of `program` that are not on this host; None without debuginfod."""
        build_id = debug_sections(program).build_id
        urls = server_urls()
        return SourceFetcher(build_id, urls, self._console) if self._agreed and build_id and urls else None

    def _download(self, files: DebugFiles) -> DebugFiles:
        """`files` with what is missing, from debuginfod. NoDebugInfoError when that is not possible."""
        build_id, urls = debug_sections(files.program).build_id, server_urls()
        if refusal := self._why_not(files.program, build_id, urls):
            raise no_debug_info_error(files, refusal)
        try:
            if files.debug_file is None:
                files = with_debug_file(files.program, self._fetch(build_id, urls), self._places)
            if files.missing_alternate is not None:
                files = with_alternate_file(files, self._fetch(files.missing_alternate.build_id, urls))
        except DebuginfodError as error:
            raise no_debug_info_error(files, (error.message, error.hint)) from None
        finally:
            self._console.clear()
        return files

    def _fetch(self, build_id: str, urls: str) -> Path:
        self._console.say(f"Asking debuginfod for build-id {build_id}: {without_passwords(urls)}")
        what = "Downloading debug information"
        return fetch_debug_file(
            build_id,
            urls,
            lambda done, total: self._console.progress(what, done, total, "B"),
            self._options.debuginfod_timeout,
        )

    def _why_not(self, program: Path, build_id: str, urls: str) -> Sequence[str]:
        """Sentences why debuginfod is not asked; () when it may be. Asks the user when that is possible."""
        if self._options.debuginfod is False:
            return ("debuginfod is not asked, because of --no-debuginfod.",)
        if not urls:
            return ("No debuginfod server is known: DEBUGINFOD_URLS and /etc/debuginfod name none.",)
        if not build_id:
            return ("debuginfod cannot be asked: the program has no build-id.",)
        if not self._agreed:
            if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
                return (
                    "debuginfod is not asked: there is no terminal for the question. "
                    f"To ask it ({without_passwords(urls)}), give --debuginfod or --yes.",
                )
            self._agreed = self._ask(program, urls)
        return () if self._agreed else ("debuginfod was not asked.",)

    def _ask(self, program: Path, urls: str) -> bool:
        self._console.say(
            f"{program} has no debug information on this host. Download it with debuginfod from "
            f"{without_passwords(urls)}? [Y/n]"
        )
        answer = sys.stdin.readline()
        return bool(answer) and answer.strip().lower() in ("", "y", "yes")


class SourceFetcher:
    """Fetches source files from debuginfod, up to limits of number, size and time; None for any other file."""

    def __init__(self, build_id: str, urls: str, console: Console) -> None:
        self._build_id, self._urls, self._console = build_id, urls, console
        self._asked = 0
        self._deadline: float | None = None  # of all files, from the first one

    def __call__(self, file: str) -> Path | None:
        """The local copy of the source file with the absolute path `file` in the debug information, or None."""
        now = time.monotonic()
        self._deadline = self._deadline or now + _SOURCES_TIMEOUT
        left = min(self._deadline - now, _SOURCES_TIMEOUT)
        # a relative path is in the debug information of a library
        if not file.startswith("/") or left <= 0 or self._asked >= _MAX_SOURCES:
            return None
        self._asked += 1
        self._console.progress("Downloading source files", self._asked, 0)
        try:
            return fetch_source(self._build_id, file, self._urls, left, _MAX_SOURCE_SIZE)
        except NotOnServerError:
            return None
        except DebuginfodError as error:
            self._asked = _MAX_SOURCES  # a server that fails is not asked again
            self._console.say(f"Note: the report lacks source lines. {error.message}")
            return None
