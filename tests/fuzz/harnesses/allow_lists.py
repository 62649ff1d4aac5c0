"""An allow-list, and the same text as a list of renames, in a comparison."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import AnalyzerError
from tests.fuzz.verbs import run_verb


def check(data: bytes, folder: Path) -> None:
    (folder / "allow.toml").write_bytes(data)
    for option in ("--names", "--allow"):
        try:
            run_verb("diff", "reference:1.6.0", "reference:1.6.0", option, "allow.toml", "--format", "text")
        except AnalyzerError:
            if option == "--allow":
                raise
