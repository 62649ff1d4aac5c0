"""Judges a run of QEMU by its end and by the milestones that it reached."""

from __future__ import annotations

from analyzer.adapters.gdb_stops import Stopped
from analyzer.recording.early_end import how_it_ended
from analyzer.recording.guest import TINY_EXIT_STATUSES
from analyzer.recording.progress import MilestoneProgress
from analyzer.recording.request import RecordingRequest
from gdbscripts.enums import RecordingOutcome


def outcome_of(
    request: RecordingRequest, progress: MilestoneProgress, ended: Stopped | None
) -> tuple[RecordingOutcome, str]:
    """(outcome, reason) for the footer; `ended` is QEMU's last stop, None when it still ran."""
    attached = request.process is not None
    how = "gdb detached" if ended is None and attached else how_it_ended(ended)
    if progress.awaited:
        paused = "; the guest may be paused" if ended is None and attached else ""
        return RecordingOutcome.INCOMPLETE, before_what(how, progress) + paused
    if ended is not None and not ended.ended:
        return RecordingOutcome.INCOMPLETE, how
    if request.guest.exits_by_itself and progress.exit_status not in TINY_EXIT_STATUSES:
        return RecordingOutcome.INCOMPLETE, f"{how}, but the guest did not end it as expected"
    return RecordingOutcome.COMPLETE, how


def before_what(how: str, progress: MilestoneProgress) -> str:
    """`how` a run ended, with the names of the milestones that it did not reach."""
    missing = ", ".join(milestone.name for milestone in progress.awaited)
    return f"{how} before: {missing}" if missing else how
