"""The output folder: made, protected, and cleared of what is of no use."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.recording import FILE_NAME, read_recording


def prepare_folder(folder: Path, force: bool) -> None:
    """Make the output folder. AnalyzerError when it cannot be written to, or holds a recording already."""
    recording = folder / FILE_NAME
    if recording.exists() and not force:
        raise AnalyzerError(
            f"{folder} already holds a recording; it is kept.",
            "Choose another folder with --out, or replace it with --force.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        recording.unlink(missing_ok=True)
        recording.touch()
    except OSError as error:
        raise AnalyzerError(
            f"{folder} cannot be written to: {error.strerror}.", "Choose another folder with --out."
        ) from None


def discard_if_empty(folder: Path) -> None:
    """Remove a recording in which nothing beyond `main` was reached: it would only be in the way next time."""
    try:
        reached = read_recording(folder).reached
    except AnalyzerError:
        reached = set()
    if reached - {"main"}:
        return
    (folder / FILE_NAME).unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
