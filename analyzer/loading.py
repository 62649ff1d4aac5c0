"""A recording by its name: a file, an output folder, or a reference that ships with this program."""

from __future__ import annotations

from pathlib import Path

from analyzer.model import Recording
from analyzer.recording import read_recording
from analyzer.references import is_reference, load_reference


def open_recording(source: Path) -> Recording:
    """The recording that `source` names; AnalyzerError when there is none."""
    return load_reference(str(source)) if is_reference(str(source)) else read_recording(source)
