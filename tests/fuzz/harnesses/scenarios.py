"""A scenario file, for each accelerator and for a program that gdb attaches to."""

from __future__ import annotations

from pathlib import Path

from analyzer.recording.scenarios import read_scenario


def check(data: bytes, folder: Path) -> None:
    text = data.decode("utf-8", "replace")
    for accelerator in ("kvm", "tcg"):
        for attached in (False, True):
            read_scenario(text, "scenario.toml", accelerator, attached)
