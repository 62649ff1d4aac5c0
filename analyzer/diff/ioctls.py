"""The ioctls of two graphs: added, removed, asked at another place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.diff.align import align
from analyzer.diff.change import Change, ChangeKind
from analyzer.graph.call_graph import GraphIoctl
from analyzer.model.frames import Function
from analyzer.model.headings import MAIN_THREAD

_LADDER = {"KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_RUN"}  # recorded even when the others are not
_OF_A_VCPU = re.compile(r"(?<=kvm-vcpu):\d+$")  # one processor more asks nothing new


def has_full_log(calls: Sequence[GraphIoctl]) -> bool:
    """Whether more than the ladder of descriptors was recorded."""
    return any(call.request not in _LADDER for call in calls)


def ioctl_changes(old: Sequence[GraphIoctl], new: Sequence[GraphIoctl]) -> Iterator[Change]:
    """What is asked of KVM now and was not before, or not any more, or at another place: later, on another thread,
    of another descriptor. In which order two threads ask is nobody's choice, and not compared."""
    if not old or not new:
        return  # nobody asked for them, or there is no KVM to ask
    if not (has_full_log(old) and has_full_log(new)):
        old, new = ([call for call in calls if call.request in _LADDER] for calls in (old, new))
    lost: list[_UnmatchedIoctl] = []
    won: list[_UnmatchedIoctl] = []
    mine, theirs = _by_thread(old), _by_thread(new)
    for thread in dict.fromkeys((*mine, *theirs)):
        before, now = mine.get(thread, []), theirs.get(thread, [])
        pairs = align(before, now, names=None)
        lost += [_UnmatchedIoctl.at(before, i, thread) for i, j in pairs if i is not None and j is None]
        won += [_UnmatchedIoctl.at(now, j, thread) for i, j in pairs if j is not None and i is None]
    kept = {call.request for call in old} & {call.request for call in new}
    yield from _told(lost, won, kept)


@dataclass(frozen=True)
class _UnmatchedIoctl:
    """An ioctl that one side lacks at this place."""

    request: str
    where: str  # its descriptor and thread
    after: str

    @classmethod
    def at(cls, calls: Sequence[Function], position: int, thread: str) -> _UnmatchedIoctl:
        after = f"after {calls[position - 1].name}" if position else "first"
        return cls(calls[position].name, f"{calls[position].where} on {thread}", after)


def _told(lost: Sequence[_UnmatchedIoctl], won: Sequence[_UnmatchedIoctl], kept: set[str]) -> Iterator[Change]:
    """What both lack is told as one change, if it is the same in all but its place; of requests that both sides
    have all the same, where."""
    left = list(won)
    for before in lost:
        same = [now for now in left if now.request == before.request]
        same = [now for now in same if now.where == before.where] or same
        if same:
            left.remove(same[0])
            yield _moved(before, same[0])
        else:
            note = f"of {before.where}; elsewhere it still is" if before.request in kept else ""
            yield Change(ChangeKind.IOCTL_REMOVED, before.request, old=before.where, note=note)
    for now in left:
        note = f"of {now.where}; elsewhere it was before" if now.request in kept else ""
        yield Change(ChangeKind.IOCTL_ADDED, now.request, new=now.where, note=note)


def _moved(before: _UnmatchedIoctl, now: _UnmatchedIoctl) -> Change:
    words = (f"of {before.where}", f"of {now.where}") if before.where != now.where else (before.after, now.after)
    return Change(ChangeKind.IOCTL_REORDERED, before.request, *words)


def _by_thread(calls: Sequence[GraphIoctl]) -> dict[str, list[Function]]:
    """What each thread asks, each once in its order: the request, and the descriptor it is made on. Which function
    makes it is told by the chains."""
    asked: dict[str, dict[Function, None]] = {}
    turn: dict[str, int] = {}
    for call in calls:
        turn.setdefault(call.thread, len(turn))
    for call in sorted(calls, key=lambda call: turn[call.thread]):  # one processor after the other
        made = Function(call.request, _OF_A_VCPU.sub("", call.file))
        asked.setdefault(_thread(call.thread), {}).setdefault(made)
    return {thread: list(requests) for thread, requests in asked.items()}


def _thread(label: str) -> str:
    return label if label == MAIN_THREAD else "a processor's thread" if "CPU" in label else "another thread"
