"""What a server answers to the first message of TLS, with its certificates."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import AnalyzerError
from tests.fuzz.harnesses.downloads import fetch_from

SHARE = 0.3


def check(data: bytes, folder: Path) -> None:
    try:
        fetch_from("https", data, folder)
    except AnalyzerError:
        raise
    raise AssertionError("a file was accepted from a server without a valid certificate")
