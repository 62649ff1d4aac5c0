"""The birth certificate of a build, `build.json`: where a program comes from and how it was made."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

PROVENANCE_FILE = "build.json"
UNFINISHED_FILE = "begun.json"  # of a build that is being made, or was left: which source it is of
_ABOVE = 3  # folders: old trees put the emulator into build/x86_64-softmmu


def provenance_of(program: Path, build_id: str) -> dict[str, Any]:
    """What is written of the program, beside it or above; {} when nothing is, or only of another build."""
    for folder in list(program.resolve().parents)[:_ABOVE]:
        facts = read_json(folder / PROVENANCE_FILE)
        if facts and facts.get("build_id") == build_id:
            return facts
    return {}


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file of ours; None when it is not there or not whole."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write JSON so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
