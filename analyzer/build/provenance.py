"""The provenance of a build in `build.json`: its source, verification, configure line, compiler and build-id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analyzer.adapters.bounded_files import read_bounded
from analyzer.files import replace_file
from analyzer.strict_json import parse_json

PROVENANCE_FILE = "build.json"
UNFINISHED_FILE = "begun.json"  # of a running or interrupted build: its source, and seconds so far
_MAX_LENGTH = 1 << 24  # characters of a JSON file
_ABOVE = 3  # folders: old trees put the emulator into build/x86_64-softmmu


def provenance_of(program: Path, build_id: str) -> dict[str, Any]:
    """The content of the `build.json` of a program, from its folder or the two above.

    {} when there is none with this `build_id`.
    """
    for folder in list(program.resolve().parents)[:_ABOVE]:
        facts = read_json(folder / PROVENANCE_FILE)
        if facts and facts.get("build_id") == build_id:
            return facts
    return {}


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file does not exist or contains something else."""
    try:
        data = parse_json(read_bounded(path, _MAX_LENGTH, "strict"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write an object as JSON, atomically: to a temporary file that is renamed. OSError when that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(facts, indent=1), "\n"))
