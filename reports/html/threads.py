"""Words about threads: where each starts, and who created it."""

from __future__ import annotations

from analyzer.model.frames import Stop, Thread
from analyzer.model.recording import Recording
from gdbscripts.records import ATTACHED, ATTACHED_IO, IMPORT
from reports.html.translate import t

_FUNCTIONS_OF_CREATOR = 3


def thread_start(thread: Thread) -> str:
    """Return the name of the thread's start function, `main` for the first thread."""
    if thread.start:
        return thread.start.name
    return "main" if thread.number == 1 else t("not recorded")


def creator_text(creation: Stop) -> str:
    """Return the functions that created a thread, innermost first: `qemu_thread_create ← f`."""
    return " ← ".join(frame.function.name for frame in creation.frames[1 : 1 + _FUNCTIONS_OF_CREATOR])


def unknown_creator(recording: Recording, thread: Thread) -> str:
    """Return who created a thread whose creation was not recorded."""
    begun_before = recording.header.scenario in (IMPORT, ATTACHED, ATTACHED_IO)
    return t("unknown") if begun_before and thread.number != 1 else t("the operating system")
