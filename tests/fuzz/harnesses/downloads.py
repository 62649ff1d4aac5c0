"""What a server answers to the request for a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from analyzer.build.cache import Cache
from analyzer.build.download import fetch
from analyzer.build.releases import Tarball
from tests.fuzz.loopback import answering
from tests.fuzz.silent import SilentReporter

CONTENT = b"the content of a file\n"
SUM = hashlib.sha256(CONTENT).hexdigest()


def check(data: bytes, folder: Path) -> None:
    fetch_from("http", data, folder)


def fetch_from(scheme: str, data: bytes, folder: Path) -> None:
    """Download a file from a server that answers with `data`; it is kept only when it is CONTENT."""
    name = "qemu-9.9.9.tar.xz"
    cache = Cache(folder / "cache")
    try:
        with answering(data) as port:
            tarball = Tarball(name, f"{scheme}://127.0.0.1:{port}/{name}", SUM, "against the pinned sha256")
            fetch([tarball], cache, SilentReporter(), stall_timeout=5.0)
        assert (cache.downloads / name).read_bytes() == CONTENT
    except BaseException:
        assert not (cache.downloads / name).exists()
        raise
