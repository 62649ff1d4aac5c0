"""Compares the ioctls of two graphs: newly issued, no longer issued, or issued at another place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.diff.align import align
from analyzer.diff.change import Change, ChangeKind
from analyzer.graph.call_graph import GraphIoctl
from analyzer.model.frames import Function
from analyzer.model.headings import MAIN_THREAD

# The requests of the descriptor hierarchy: system, VM, vCPU. Recordings without the ioctl log have them, too.
_DESCRIPTOR_HIERARCHY = {"KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_RUN"}
_VCPU_NUMBER = re.compile(r"(?<=kvm-vcpu):\d+$")  # each vCPU issues the same requests


def has_full_log(ioctls: Sequence[GraphIoctl]) -> bool:
    """Return whether `ioctls` contain more than the requests of the descriptor hierarchy."""
    return any(ioctl.request not in _DESCRIPTOR_HIERARCHY for ioctl in ioctls)


def ioctl_changes(old: Sequence[GraphIoctl], new: Sequence[GraphIoctl]) -> Iterator[Change]:
    """Yield the ioctls that are newly issued, no longer issued, or issued at another place.

    Another place is later or earlier on the thread, another thread or another descriptor. The order between
    threads is a race and not compared. Nothing is yielded when a side has no ioctls; when only one side has the
    ioctl log, only the requests of the descriptor hierarchy are compared. Exchanged sides give exchanged changes.
    """
    if not old or not new:
        return
    if not (has_full_log(old) and has_full_log(new)):
        old, new = ([ioctl for ioctl in ioctls if ioctl.request in _DESCRIPTOR_HIERARCHY] for ioctls in (old, new))
    removed: list[_UnmatchedIoctl] = []
    added: list[_UnmatchedIoctl] = []
    old_threads, new_threads = _requests_by_thread(old), _requests_by_thread(new)
    for thread in dict.fromkeys((*old_threads, *new_threads)):
        old_requests, new_requests = old_threads.get(thread, []), new_threads.get(thread, [])
        pairs = align(old_requests, new_requests, names=None)
        removed += [_UnmatchedIoctl.at(old_requests, i, thread) for i, j in pairs if i is not None and j is None]
        added += [_UnmatchedIoctl.at(new_requests, j, thread) for i, j in pairs if j is not None and i is None]
    on_both_sides = {ioctl.request for ioctl in old} & {ioctl.request for ioctl in new}
    yield from _changes_of_unmatched(removed, added, on_both_sides)


@dataclass(frozen=True)
class _UnmatchedIoctl:
    """An ioctl that the other side does not issue at this place."""

    request: str
    where: str  # its descriptor and thread
    after: str  # the request before it on its thread

    @classmethod
    def at(cls, requests: Sequence[Function], position: int, thread: str) -> _UnmatchedIoctl:
        """Return the ioctl at `position` of a thread's requests."""
        after = f"after {requests[position - 1].name}" if position else "first"
        return cls(requests[position].name, f"{requests[position].where} by {thread}", after)


def _changes_of_unmatched(
    removed: Sequence[_UnmatchedIoctl], added: Sequence[_UnmatchedIoctl], on_both_sides: set[str]
) -> Iterator[Change]:
    """Yield one change for a request that is both removed and added: it is reordered; then what is left over.

    Of a request that both sides issue somewhere, the change says where it is removed or added.
    """
    left = list(added)
    for old in removed:
        same_request = [new for new in left if new.request == old.request]
        candidates = [new for new in same_request if new.where == old.where] or same_request
        if candidates:
            left.remove(candidates[0])
            yield _reordered(old, candidates[0])
        else:
            note = f"on {old.where}; still issued elsewhere" if old.request in on_both_sides else ""
            yield Change(ChangeKind.IOCTL_REMOVED, old.request, old=old.where, note=note)
    for new in left:
        note = f"on {new.where}; also issued elsewhere before" if new.request in on_both_sides else ""
        yield Change(ChangeKind.IOCTL_ADDED, new.request, new=new.where, note=note)


def _reordered(old: _UnmatchedIoctl, new: _UnmatchedIoctl) -> Change:
    words = (f"on {old.where}", f"on {new.where}") if old.where != new.where else (old.after, new.after)
    return Change(ChangeKind.IOCTL_REORDERED, old.request, *words)


def _requests_by_thread(ioctls: Sequence[GraphIoctl]) -> dict[str, list[Function]]:
    """Return thread -> its distinct requests in order, as functions: name of the request, descriptor as the place.

    The function that issues a request is not compared here, since the chains contain it.
    """
    found: dict[str, dict[Function, None]] = {}
    thread_order: dict[str, int] = {}
    for ioctl in ioctls:
        thread_order.setdefault(ioctl.thread, len(thread_order))
    for ioctl in sorted(ioctls, key=lambda ioctl: thread_order[ioctl.thread]):
        request = Function(ioctl.request, _VCPU_NUMBER.sub("", ioctl.file))
        found.setdefault(_thread_role(ioctl.thread), {}).setdefault(request)
    return {thread: list(requests) for thread, requests in found.items()}


def _thread_role(label: str) -> str:
    """Return the same words for all vCPU threads, and for all other threads but the main thread."""
    return label if label == MAIN_THREAD else "a vCPU thread" if "CPU" in label else "another thread"
