"""A debuginfod server on the loopback interface, and servers that fail."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import need_tool


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def debuginfod_server(served: Path, scratch: Path, build_id: str) -> Iterator[str]:
    """The address of a server of the files and tar archives in `served`, once it has the file of `build_id`."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [need_tool("debuginfod"), "-F", "-Z", ".tar", "-p", str(port), "-d", ":memory:", str(served)]
    scratch.mkdir(parents=True, exist_ok=True)
    environment = {"HOME": str(scratch), "TMPDIR": str(scratch), "PATH": "/usr/bin:/bin"}
    with (scratch / "debuginfod.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/buildid/{build_id}/debuginfo"):
            assert server.poll() is None, (scratch / "debuginfod.log").read_text()
            assert time.monotonic() < deadline, "the server does not index its files"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False
