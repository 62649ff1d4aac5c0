"""Reference backtraces that ship with the analyzer: `reference:1.6.0` in place of a file name."""

from __future__ import annotations

from importlib import resources
from typing import Any

from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.errors import AnalyzerError
from analyzer.model.recording import Recording
from analyzer.recording.reader import assemble
from analyzer.toml import load_toml

PREFIX = "reference:"


def is_reference(name: str) -> bool:
    """Whether `name` has the form `reference:VERSION`; the version may be unknown."""
    return name.startswith(PREFIX)


def load_reference(name: str) -> Recording:
    """The recording of the reference `reference:VERSION`; AnalyzerError for an unknown version."""
    known: dict[str, Any] = load_toml(__name__, "references.toml")
    entry = known.get(name.removeprefix(PREFIX))
    if entry is None:
        names = ", ".join(f"{PREFIX}{version}" for version in known)
        raise AnalyzerError(f"Unknown reference {name}.", f"Known references: {names}.")
    text = resources.files(__name__).joinpath(entry["file"]).read_text(encoding="utf-8")
    origin = ImportOrigin(name, entry["qemu_version"], entry["host"], (("which is", entry["from"]),))
    return assemble(import_text(text.splitlines(keepends=True), origin).records, name)
