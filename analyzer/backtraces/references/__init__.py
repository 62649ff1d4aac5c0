"""Recordings that ship with this program: `reference:1.6.0` instead of a file."""

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
    """Whether `name` names a reference, known or not."""
    return name.startswith(PREFIX)


def load_reference(name: str) -> Recording:
    """The reference recording `reference:VERSION`. AnalyzerError, naming the known ones, when there is none."""
    known: dict[str, Any] = load_toml(__name__, "references.toml")
    entry = known.get(name.removeprefix(PREFIX))
    if entry is None:
        names = ", ".join(f"{PREFIX}{version}" for version in known)
        raise AnalyzerError(f"{name} is not among the references.", f"Known are: {names}.")
    text = resources.files(__name__).joinpath(entry["file"]).read_text(encoding="utf-8")
    origin = ImportOrigin(name, entry["qemu_version"], entry["host"], (("which is", entry["from"]),))
    return assemble(import_text(text.splitlines(keepends=True), origin).records, name)
