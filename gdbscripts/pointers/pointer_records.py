"""What the source says near a line that optimised code names only roughly: it moves and merges stores."""

from __future__ import annotations

import linecache
import re
from typing import Iterator, List, Set, Tuple

import gdb

from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind, StopReason
from gdbscripts.pointers.pointer_calls import PointerCall, PointerSlot
from gdbscripts.pointers.pointer_dataflow import (
    DataflowEnd,
    PassedArgument,
    SourcePlace,
    direct_target_at,
    place_of,
)
from gdbscripts.pointers.slot_names import StaticSlot, called_variable, static_slot
from gdbscripts.pointers.write_watchpoints import PointerStore
from gdbscripts.recorder import Recorder
from gdbscripts.records import PointerOriginRecord, PointerRecord
from gdbscripts.tail_calls import place_at

_NEAR = 12  # lines
_LONGEST_CALL = 4  # lines


def is_written_at(place: SourcePlace, name: str) -> bool:
    """Whether `name` is written in the call that begins at `place`."""
    lines = (linecache.getline(place.file, place.line + more) for more in range(_LONGEST_CALL))
    return any(re.search(r"\b%s\b" % re.escape(name), line) for line in lines)


def assignment_near(place: SourcePlace, slot: str, target: str) -> SourcePlace:
    """`place`, at the line near it that assigns `target` to the member that `slot` names, if exactly one does."""
    member = slot.rpartition(".")[2].partition("[")[0]
    if not member or re.search(r"\b%s\b" % re.escape(member), linecache.getline(place.file, place.line)):
        return place
    assignment = re.compile(r"\b%s\b[^=;]*=[^=;]*\b%s\b" % (re.escape(member), re.escape(target)))
    near = range(max(1, place.line - _NEAR), place.line + _NEAR)
    found = [number for number in near if assignment.search(linecache.getline(place.file, number))]
    same = len(found) == 1 and place.function in _functions_at(place.file, found[0])
    return place._replace(line=found[0]) if same else place


def _functions_at(file: str, line: int) -> Set[str]:
    """The functions that have code of this line."""
    try:
        _, locations = gdb.decode_line("%s:%d" % (file, line))
    except gdb.error:
        return set()
    return {place_of(sal.pc).function for sal in locations or () if sal.pc}


def write_explanation(number: int, site: PointerCall, recorder: Recorder) -> None:
    """Append what is known of `site`: the pointer, then the steps from the call back to where it was set."""
    steps = list(_steps(number, site, recorder))
    recorder.write(_pointer(number, site))
    for step in steps:
        recorder.write(step)


def _pointer(number: int, site: PointerCall) -> PointerRecord:
    kind, slot = _slot(site)
    links = _links(site)
    unsolved = next((link for link in links if link.state in ("lost", "unknown", "open")), None)
    outcome, reason = PointerOutcome.EXPLAINED, ""
    if site.reason or site.end is None:
        outcome, reason = PointerOutcome.UNKNOWN, site.reason or "the run was cut short"
    elif unsolved is not None:
        lost = unsolved.state == "lost"
        outcome = PointerOutcome.NOT_REPRODUCED if lost else PointerOutcome.UNKNOWN
        reason = unsolved.reason or "the run was cut short"
    elif _origin_is_unknown(site, links):
        outcome, reason = PointerOutcome.UNKNOWN, "where that statement took it from cannot be told"
    elif not links and site.end.kind not in ("constant", "result"):
        outcome, reason = PointerOutcome.UNKNOWN, "the machine code does not tell where the pointer comes from"
    leads = site.leads(site.value) if site.value else None
    return PointerRecord(
        number=number,
        returns=site.plan.returns,
        callee=site.plan.callee,
        kind=kind,
        slot=slot,
        address=links[0].slot if links else 0,
        value=site.value,
        target=_target(site),
        leads=leads or [],
        outcome=outcome,
        reason=reason,
    )


def _links(site: PointerCall) -> List[PointerSlot]:
    """The places that held the pointer, without the variables in which the caller kept it for itself."""
    links = list(site.links)
    caller = place_of(site.plan.returns[0] - 1).function
    while len(links) > 1 and links[0].store is not None and _kind_of(links[0]) is SlotKind.LOCAL:
        if links[0].store.place.function != caller:
            break
        links.pop(0)
    return links


def _origin_is_unknown(site: PointerCall, links: List[PointerSlot]) -> bool:
    """Whether the last store known took the pointer from nobody knows where, and does not name the function."""
    store = links[-1].store if links else None
    if store is None or store.origin in ("constant", "argument", "result", "memory"):
        return False
    return not is_written_at(assignment_near(store.place, links[-1].name, _target(site)), _target(site))


def _slot(site: PointerCall) -> Tuple[SlotKind, str]:
    """(kind, name) of where the call took the pointer from."""
    end = site.end
    if end is None:
        return SlotKind.UNKNOWN, ""
    if end.passed:
        function = place_of(site.plan.returns[0] - 1).function
        name = end.passed[0].name or "an argument"
        return SlotKind.ARGUMENT, "%s of %s" % (name, function)
    links = _links(site)
    if links:
        return _kind_of(links[0]), links[0].name
    if end.kind in ("constant", "result"):
        return SlotKind.LOCAL, site.local or called_variable(site.plan.returns[0] - 1)
    return SlotKind.UNKNOWN, ""


def _kind_of(link: PointerSlot) -> SlotKind:
    if link.static:
        return SlotKind.STATIC
    if not link.name or re.search(r"[.\[]", link.name):
        return SlotKind.MEMBER
    return SlotKind.GLOBAL if static_slot(link.slot) is not None else SlotKind.LOCAL


def _steps(number: int, site: PointerCall, recorder: Recorder) -> Iterator[PointerOriginRecord]:
    end = site.end
    if end is None:
        return
    yield from (_passed(number, passed) for passed in end.passed)
    if end.kind == "constant" and end.passed:
        yield from _written_elsewhere(number, _target(site), end.passed[-1].by, place_of(end.origin.address))
    elif end.kind in ("constant", "result"):
        yield _origin(number, end)
    for place, link in enumerate(_links(site)):
        if place or end.passed:
            yield PointerOriginRecord(number, PointerOriginKind.READ, link.name, address=link.slot)
        if link.static is not None:
            yield _static(number, link.static)
        elif link.store is not None:
            yield from _stored(number, site, link, link.store, recorder)


def _passed(number: int, passed: PassedArgument) -> PointerOriginRecord:
    return _at(number, PointerOriginKind.PASSED, passed.name, passed.by)


def _origin(number: int, end: DataflowEnd) -> PointerOriginRecord:
    place = place_of(end.origin.address)
    if end.kind == "constant":
        return _at(number, PointerOriginKind.WRITTEN, "", place)
    target = direct_target_at(end.origin.address)
    return _at(number, PointerOriginKind.RETURNED, place_at(target)[0] if target else "", place)


def _static(number: int, static: StaticSlot) -> PointerOriginRecord:
    return PointerOriginRecord(number, PointerOriginKind.STATIC, static.name, file=static.file, line=static.line)


def _stored(
    number: int, site: PointerCall, link: PointerSlot, store: PointerStore, recorder: Recorder
) -> Iterator[PointerOriginRecord]:
    stop = recorder.put(store.stack, store.time, store.thread, StopReason.STORE, [], "")
    what = PointerOriginKind.COPIED if store.copied else PointerOriginKind.STORED
    place = store.place if store.copied else assignment_near(store.place, link.name, _target(site))
    yield _at(number, what, link.name, place, address=link.slot, stop=stop)
    yield from (_passed(number, passed) for passed in store.passed)
    if store.written is not None and store.passed:
        yield from _written_elsewhere(number, _target(site), store.passed[-1].by, store.written)
    elif store.written is not None and store.origin == "result":
        yield _at(number, PointerOriginKind.RETURNED, "", store.written)
    elif store.written is not None and store.written.function != store.place.function:
        yield _at(number, PointerOriginKind.WRITTEN, "", store.written)


def _written_elsewhere(
    number: int, target: str, passed: SourcePlace, written: SourcePlace
) -> Iterator[PointerOriginRecord]:
    """Where the function's name is written, unless that is the very call that passes it on."""
    if not is_written_at(passed, target):
        yield _at(number, PointerOriginKind.WRITTEN, "", written)


def _target(site: PointerCall) -> str:
    return place_at(site.value)[0] if site.value else ""


def _at(
    number: int, what: PointerOriginKind, name: str, place: SourcePlace, address: int = 0, stop: int = -1
) -> PointerOriginRecord:
    return PointerOriginRecord(
        pointer=number,
        what=what,
        name=name,
        function=place.function,
        file=place.file,
        line=place.line,
        library=place.library,
        address=address,
        stop=stop,
    )
