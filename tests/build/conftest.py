"""Builds for real: a cache of their own, small trees of ours, and a web server on loopback."""

from __future__ import annotations

import functools
import http.server
import shutil
import tarfile
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from analyzer.build.cache import Cache

HERE = Path(__file__).parent
OLD_TREE = HERE / "oldtree"


@dataclass
class RecordedReporter:
    """Remembers what a user would have been told."""

    sentences: list[str] = field(default_factory=list)
    steps: list[tuple[str, int, int]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.sentences.append(text)

    def progress(self, what: str, done: int, total: int, unit: str = "") -> None:
        self.steps.append((what, done, total))


@pytest.fixture
def reporter() -> RecordedReporter:
    return RecordedReporter()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def old_tree(folder: Path, version: str = "1.6.0") -> Path:
    """A copy of the stand-in, to be changed at will."""
    shutil.copytree(OLD_TREE, folder)
    (folder / "VERSION").write_text(version + "\n")
    return folder


def pack(tree: Path, tarball: Path, top: str) -> Path:
    """A tarball of `tree` whose only folder is `top`; the suffix says how it is compressed."""
    with tarfile.open(tarball, f"w:{tarball.suffix[1:]}") as archive:
        archive.add(tree, top)
    return tarball


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder on loopback. What it was asked for is in `requests` as (path, Range)."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
        self.folder = folder
        self.requests: list[tuple[str, str]] = []
        self.cut_after = 0  # bytes after which the next answer breaks off
        self.stall_after = 0  # bytes after which the next answer goes silent
        self.ranges = True
        self.released = threading.Event()

    @staticmethod
    def tag(content: bytes) -> str:
        return f'"{zlib.crc32(content):x}"'

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range", "")))
        file = self.server.folder / self.path.lstrip("/")
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        tag = self.server.tag(content)
        request = self.headers.get("Range", "")
        if self.server.ranges and request and self.headers.get("If-Range", tag) == tag:
            start = int(request.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            start = 0
            self.send_response(200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._send(content[start:])

    def _send(self, content: bytes) -> None:
        server = self.server
        if server.cut_after:
            content, server.cut_after = content[: server.cut_after], 0
        elif server.stall_after:
            self.wfile.write(content[: server.stall_after])
            self.wfile.flush()
            server.stall_after = 0
            server.released.wait(20)
            return
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "www"
    folder.mkdir()
    with Server(folder) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.released.set()
        running.shutdown()
        thread.join()
