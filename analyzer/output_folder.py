"""Creates the output folder of a recording, protects an earlier recording in it, and removes a useless one."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.recording.reader import FILE_NAME, read_recording

_PREVIOUS_RECORDING = FILE_NAME + ".before"


def prepare_folder(folder: Path, force: bool) -> None:
    """Create the output folder and an empty recording in it.

    With `force` an earlier recording is renamed; `remove_previous` deletes it, `keep_if_useful` may restore it.
    AnalyzerError when the folder cannot be written, or contains a recording and `force` is False.
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
    """Raise AnalyzerError when `folder` contains a recording and `force` is False."""
    if not force and _holds_recording(folder):
        raise AnalyzerError(
            f"{folder} already holds a recording; it is kept.",
            "Choose another folder with --out, or replace it with --force.",
        )


def _holds_recording(folder: Path) -> bool:
    recording = folder / FILE_NAME
    return recording.exists() and recording.stat().st_size > 0  # an empty file is of a killed run


def keep_if_useful(folder: Path) -> bool:
    """Whether the recording in `folder` reached a function other than `main`.

    If it did not, it is deleted, an earlier recording is restored, and an empty folder is deleted.
    """
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
    """Delete the earlier recording that `prepare_folder` renamed, after a new one is complete."""
    (folder / _PREVIOUS_RECORDING).unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically; lone surrogates are escaped. AnalyzerError on failure."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON can contain a lone surrogate
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise AnalyzerError(
            f"{path} cannot be written: {error.strerror}.",
            "Check that its folder exists, is writable and has space left.",
        ) from None
