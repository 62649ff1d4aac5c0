"""The ioctls of two graphs: added, removed, asked in another order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzer.diff.align import align
from analyzer.diff.change import Change, ChangeKind
from analyzer.diff.names import Names
from analyzer.graph.callgraph import IoctlCall
from analyzer.model import Function

_LADDER = {"KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_RUN"}  # recorded even when the others are not
_MAIN = "main thread"
_OF_A_VCPU = re.compile(r"(?<=kvm-vcpu):\d+$")  # one processor more asks nothing new


def whole_ledger(calls: Sequence[IoctlCall]) -> bool:
    """Whether more than the ladder of descriptors was recorded."""
    return any(call.request not in _LADDER for call in calls)


def ioctl_changes(old: Sequence[IoctlCall], new: Sequence[IoctlCall]) -> Iterator[Change]:
    """What is asked of KVM now and was not before, or not any more, or at another place in the order."""
    if not (whole_ledger(old) and whole_ledger(new)):
        old, new = ([call for call in calls if call.request in _LADDER] for calls in (old, new))
    mine, theirs = _keys(old), _keys(new)
    pairs = align(mine, theirs, Names())
    lost = {mine[i]: _after(mine, i) for i, j in pairs if i is not None and j is None}
    won = {theirs[j]: _after(theirs, j) for i, j in pairs if j is not None and i is None}
    for key, before in lost.items():
        if key in won:
            yield Change(ChangeKind.IOCTL_REORDERED, key.name, before, won[key])
        else:
            yield Change(ChangeKind.IOCTL_REMOVED, key.name, old=key.where)
    for key in won.keys() - lost.keys():
        yield Change(ChangeKind.IOCTL_ADDED, key.name, new=key.where)


def _keys(calls: Sequence[IoctlCall]) -> list[Function]:
    """What is compared, each once in its order: the request, and the descriptor and thread it was made on. Which
    function makes it is told by the chains."""
    keys = (Function(call.request, f"{_OF_A_VCPU.sub('', call.file)} on {_thread(call.thread)}") for call in calls)
    return list(dict.fromkeys(keys))


def _thread(label: str) -> str:
    return label if label == _MAIN else "a processor's thread" if "CPU" in label else "another thread"


def _after(keys: Sequence[Function], position: int) -> str:
    return f"after {keys[position - 1].name}" if position else "first"
