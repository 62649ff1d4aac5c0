"""The list of gdb's symbol indexes in the cache, and an index that is not as the list says."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from analyzer.adapters.symbol_index import SymbolFile, SymbolIndex


def check(data: bytes, folder: Path) -> None:
    cache = folder / "of program"
    cache.mkdir(mode=0o700)
    (cache / "indexes.json").write_bytes(data)
    (cache / "12ab.gdb-index").write_bytes(b"content")
    (cache / "34cd.gdb-index").write_bytes(data)
    index = SymbolIndex(cache)
    files = [SymbolFile("12ab", "/bin/program", "1"), SymbolFile("34cd", "/lib/library", "2")]
    index.differing(files)
    index.add_new(files)
    listed = {name for name in os.listdir(cache) if name != "indexes.json"}
    assert listed <= {"12ab.gdb-index", "34cd.gdb-index"}
    if "12ab.gdb-index" in listed:  # only one with the digest of its content is left
        assert hashlib.sha256(b"content").hexdigest() in data.decode(errors="replace")
