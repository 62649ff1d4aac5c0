"""The output folder: made, protected, and cleared of what is of no use."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.recording.reader import FILE_NAME, read_recording

_PREVIOUS_RECORDING = FILE_NAME + ".before"


def prepare_folder(folder: Path, force: bool) -> None:
    """Make the output folder. AnalyzerError when it cannot be written to, or holds a recording already.

    With `force` a recording there is set aside until another one has taken its place.
    """
    recording = folder / FILE_NAME
    try:
        has_recording = _holds_recording(folder)
        check_free(folder, force)
        folder.mkdir(parents=True, exist_ok=True)
        if has_recording:
            recording.replace(folder / _PREVIOUS_RECORDING)
        recording.touch()
    except OSError as error:
        raise AnalyzerError(
            f"{folder} cannot be written to: {error.strerror}.", "Choose another folder with --out."
        ) from None


def check_free(folder: Path, force: bool) -> None:
    """AnalyzerError when the folder holds a recording that is not to be replaced."""
    if not force and _holds_recording(folder):
        raise AnalyzerError(
            f"{folder} already holds a recording; it is kept.",
            "Choose another folder with --out, or replace it with --force.",
        )


def _holds_recording(folder: Path) -> bool:
    recording = folder / FILE_NAME
    return recording.exists() and recording.stat().st_size > 0  # empty: left by a killed run


def keep_if_useful(folder: Path) -> bool:
    """Whether the recording reached anything beyond `main`. If not it is removed, since it would only be in the
    way next time, and one that was set aside is put back."""
    try:
        useful = bool(read_recording(folder).reached - {"main"})
    except AnalyzerError:
        useful = False
    if useful:
        remove_previous(folder)
        return True
    previous = folder / _PREVIOUS_RECORDING
    (folder / FILE_NAME).unlink(missing_ok=True)
    if previous.exists():
        previous.replace(folder / FILE_NAME)
    if not any(folder.iterdir()):
        folder.rmdir()
    return False


def remove_previous(folder: Path) -> None:
    """Another recording has taken its place."""
    (folder / _PREVIOUS_RECORDING).unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all. AnalyzerError when it cannot be written."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON can name half a character
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise AnalyzerError(f"{path} cannot be written: {error.strerror}.") from None
