"""Creates the output folder of a recording, protects an earlier recording in it, and removes a useless one."""

from __future__ import annotations

from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.folder_lock import check_not_locked, locked_folder
from analyzer.recording.reader import FILE_NAME, read_recording
from gdbscripts.safe_files import create

__all__ = ["check_free", "keep_if_useful", "locked_folder", "prepare_folder", "remove_previous"]

_PREVIOUS_RECORDING = FILE_NAME + ".before"


def prepare_folder(folder: Path, force: bool) -> None:
    """Create an empty recording in the output folder, which the caller holds with `locked_folder`.

    With `force` an earlier recording is renamed; `remove_previous` deletes it, `keep_if_useful` may restore it.
    AnalyzerError when the folder cannot be written, or contains a recording and `force` is False.
    """
    recording = folder / FILE_NAME
    try:
        has_recording = _holds_recording(folder)
        _check_replaced_by_choice(folder, force)
        if has_recording:
            recording.replace(folder / _PREVIOUS_RECORDING)
        recording.unlink(missing_ok=True)  # empty, or a link to nothing
        create(str(recording)).close()
    except OSError as error:
        raise AnalyzerError(
            f"{folder} cannot be written to: {error.strerror}.", "Choose another folder with --out."
        ) from None


def check_free(folder: Path, force: bool) -> None:
    """Raise AnalyzerError when a run records into `folder`, or it has a recording and `force` is False."""
    check_not_locked(folder)
    _check_replaced_by_choice(folder, force)


def _check_replaced_by_choice(folder: Path, force: bool) -> None:
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

    If it did not, it is deleted, and an earlier recording is restored.
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
    return False


def remove_previous(folder: Path) -> None:
    """Delete the earlier recording that `prepare_folder` renamed, after a new one is complete."""
    (folder / _PREVIOUS_RECORDING).unlink(missing_ok=True)
