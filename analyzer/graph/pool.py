"""Threads of QEMU's pool: which of them makes the next one, and what QEMU does meanwhile, is a race. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.model import Recording, Stop
from gdbscripts import wire

_STARTS = "thread-create"
_NO_CHAINS = (_STARTS, "where", wire.STORE)  # nothing was waited for there
_MAKES_THE_NEXT = "do_spawn_thread"  # util/thread-pool.c


def thread_pool_starts(recording: Recording) -> frozenset[int]:
    """Numbers of the stops that show how a thread of the pool was made, unless something was waited for there.

    Two recordings of one program have other ones, so that a graph of one program is the same without them.
    """
    of_the_pool = {stop.number for stop in recording.stops if _is_of_the_pool(stop)}
    if not of_the_pool:
        return frozenset()
    shown = (stop for stop in recording.stops if stop.reason not in _NO_CHAINS)
    return frozenset(of_the_pool - {made.number for stop in shown for made in _creations(stop, recording)})


def _is_of_the_pool(stop: Stop) -> bool:
    return stop.reason == _STARTS and any(frame.function.name == _MAKES_THE_NEXT for frame in stop.frames)


def _creations(stop: Stop, recording: Recording) -> Iterator[Stop]:
    """Where the stop's thread was made, where the one was made that made it, and so on."""
    seen = {stop.thread}
    creation = recording.creation(recording.thread(stop.thread))
    while creation is not None and creation.thread not in seen:
        yield creation
        seen.add(creation.thread)
        creation = recording.creation(recording.thread(creation.thread))
