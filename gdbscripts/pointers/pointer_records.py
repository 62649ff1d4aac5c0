"""Converts the explanation of a pointer into records, and corrects source lines that optimised code reports
inexactly.

The compiler moves and merges stores, so the line of a store may be near the assignment instead of at it.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Set, Tuple

import gdb

from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind, StopReason
from gdbscripts.pointers.pointer_calls import PointerCall, PointerSlot
from gdbscripts.pointers.pointer_dataflow import (
    DataflowResult,
    PassedArgument,
    SourceLocation,
    call_target_at,
    source_location,
)
from gdbscripts.pointers.slot_names import StaticSlot, called_variable, static_slot
from gdbscripts.pointers.write_watchpoints import PointerStore
from gdbscripts.recorder import Recorder
from gdbscripts.records import PointerOriginRecord, PointerRecord
from gdbscripts.source_files import source_line
from gdbscripts.tail_calls import function_reference

_MAX_LINE_DISTANCE = 12
_MAX_CALL_LINES = 4


def is_written_at(location: SourceLocation, name: str) -> bool:
    """Return whether `name` appears in the source text of the call that starts at `location`."""
    lines = (source_line(location.file, location.line + more) for more in range(_MAX_CALL_LINES))
    return any(re.search(r"\b%s\b" % re.escape(name), line) for line in lines)


def assignment_near(location: SourceLocation, slot_name: str, target: str) -> SourceLocation:
    """Return `location` with the line of the assignment of `target` to the member in `slot_name`.

    The line is that of the only such assignment within 12 lines in the same function; otherwise `location` is
    unchanged.
    """
    member = slot_name.rpartition(".")[2].partition("[")[0]
    if not member or re.search(r"\b%s\b" % re.escape(member), source_line(location.file, location.line)):
        return location
    assignment = re.compile(r"\b%s\b[^=;]*=[^=;]*\b%s\b" % (re.escape(member), re.escape(target)))
    candidates = range(max(1, location.line - _MAX_LINE_DISTANCE), location.line + _MAX_LINE_DISTANCE)
    line_numbers = [number for number in candidates if assignment.search(source_line(location.file, number))]
    in_same_function = len(line_numbers) == 1 and location.function in _functions_at(
        location.file, line_numbers[0]
    )
    return location._replace(line=line_numbers[0]) if in_same_function else location


def _functions_at(file: str, line: int) -> Set[str]:
    """Return the names of the functions that have code for this source line."""
    try:
        _, locations = gdb.decode_line("%s:%d" % (file, line))
    except gdb.error:
        return set()
    return {source_location(sal.pc).function for sal in locations or () if sal.pc}


def write_explanation(number: int, call: PointerCall, recorder: Recorder) -> None:
    """Append the explanation of `call` as pointer number `number`.

    Writes one PointerRecord, then the steps from the call back to where the pointer was set, each a
    PointerOriginRecord.
    """
    origin_records = list(_origin_records(number, call, recorder))
    recorder.write(_pointer(number, call))
    for origin_record in origin_records:
        recorder.write(origin_record)


def _pointer(number: int, call: PointerCall) -> PointerRecord:
    kind, slot_name = _first_slot(call)
    slots = _slots(call)
    unresolved = next((slot for slot in slots if slot.state in ("lost", "unknown", "open")), None)
    outcome, reason = PointerOutcome.EXPLAINED, ""
    if call.reason or call.dataflow is None:
        outcome, reason = PointerOutcome.UNKNOWN, call.reason or "the run ended too early"
    elif unresolved is not None:
        lost = unresolved.state == "lost"
        outcome = PointerOutcome.NOT_REPRODUCED if lost else PointerOutcome.UNKNOWN
        reason = unresolved.reason or "the run ended too early"
    elif _origin_is_unknown(call, slots):
        outcome, reason = PointerOutcome.UNKNOWN, "the source of the stored value is unknown"
    elif not slots and call.dataflow.kind not in ("constant", "result"):
        outcome, reason = PointerOutcome.UNKNOWN, "the machine code does not show the origin of the pointer"
    tail_calls = call.tail_calls_from(call.value) if call.value else None
    return PointerRecord(
        number=number,
        returns=call.call_site.returns,
        callee=call.call_site.callee,
        kind=kind,
        slot=slot_name,
        address=slots[0].address if slots else 0,
        value=call.value,
        target=_target_name(call),
        leads=tail_calls or [],
        outcome=outcome,
        reason=reason,
    )


def _slots(call: PointerCall) -> List[PointerSlot]:
    """Return the slots that held the pointer, without local variables of the caller that only hold a copy of
    it."""
    slots = list(call.slots)
    caller = source_location(call.call_site.returns[0] - 1).function
    while len(slots) > 1 and slots[0].store is not None and _slot_kind(slots[0]) is SlotKind.LOCAL:
        if slots[0].store.statement.function != caller:
            break
        slots.pop(0)
    return slots


def _origin_is_unknown(call: PointerCall, slots: List[PointerSlot]) -> bool:
    """Return whether the last known store has an unknown source and its statement does not name the function."""
    store = slots[-1].store if slots else None
    if store is None or store.origin in ("constant", "argument", "result", "memory"):
        return False
    return not is_written_at(
        assignment_near(store.statement, slots[-1].name, _target_name(call)), _target_name(call)
    )


def _first_slot(call: PointerCall) -> Tuple[SlotKind, str]:
    """Return (kind, name) of what the call loads the pointer from."""
    dataflow = call.dataflow
    if dataflow is None:
        return SlotKind.UNKNOWN, ""
    if dataflow.arguments:
        function = source_location(call.call_site.returns[0] - 1).function
        name = dataflow.arguments[0].name or "an argument"
        return SlotKind.ARGUMENT, "%s of %s" % (name, function)
    slots = _slots(call)
    if slots:
        return _slot_kind(slots[0]), slots[0].name
    if dataflow.kind in ("constant", "result"):
        return SlotKind.LOCAL, call.local_name or called_variable(call.call_site.returns[0] - 1)
    return SlotKind.UNKNOWN, ""


def _slot_kind(slot: PointerSlot) -> SlotKind:
    if slot.static:
        return SlotKind.STATIC
    if not slot.name or re.search(r"[.\[]", slot.name):
        return SlotKind.MEMBER
    return SlotKind.GLOBAL if static_slot(slot.address) is not None else SlotKind.LOCAL


def _origin_records(number: int, call: PointerCall, recorder: Recorder) -> Iterator[PointerOriginRecord]:
    dataflow = call.dataflow
    if dataflow is None:
        return
    yield from (_argument_record(number, argument) for argument in dataflow.arguments)
    if dataflow.kind == "constant" and dataflow.arguments:
        yield from _name_written_record(
            number, _target_name(call), dataflow.arguments[-1].passed_at, source_location(dataflow.origin.address)
        )
    elif dataflow.kind in ("constant", "result"):
        yield _dataflow_origin(number, dataflow)
    for position, slot in enumerate(_slots(call)):
        if position or dataflow.arguments:
            yield PointerOriginRecord(number, PointerOriginKind.READ, slot.name, address=slot.address)
        if slot.static is not None:
            yield _static_record(number, slot.static)
        elif slot.store is not None:
            yield from _store_records(number, call, slot, slot.store, recorder)


def _argument_record(number: int, argument: PassedArgument) -> PointerOriginRecord:
    return _origin_record(number, PointerOriginKind.PASSED, argument.name, argument.passed_at)


def _dataflow_origin(number: int, dataflow: DataflowResult) -> PointerOriginRecord:
    location = source_location(dataflow.origin.address)
    if dataflow.kind == "constant":
        return _origin_record(number, PointerOriginKind.WRITTEN, "", location)
    target = call_target_at(dataflow.origin.address)
    return _origin_record(
        number, PointerOriginKind.RETURNED, function_reference(target)[0] if target else "", location
    )


def _static_record(number: int, static: StaticSlot) -> PointerOriginRecord:
    return PointerOriginRecord(number, PointerOriginKind.STATIC, static.name, file=static.file, line=static.line)


def _store_records(
    number: int, call: PointerCall, slot: PointerSlot, store: PointerStore, recorder: Recorder
) -> Iterator[PointerOriginRecord]:
    stop = recorder.write_stop(store.stack, store.time, store.thread, StopReason.STORE, [], "")
    origin_kind = PointerOriginKind.COPIED if store.copied else PointerOriginKind.STORED
    location = store.statement if store.copied else assignment_near(store.statement, slot.name, _target_name(call))
    yield _origin_record(number, origin_kind, slot.name, location, address=slot.address, stop=stop)
    yield from (_argument_record(number, argument) for argument in store.arguments)
    if store.origin_location is not None and store.arguments:
        yield from _name_written_record(
            number, _target_name(call), store.arguments[-1].passed_at, store.origin_location
        )
    elif store.origin_location is not None and store.origin == "result":
        yield _origin_record(number, PointerOriginKind.RETURNED, "", store.origin_location)
    elif store.origin_location is not None and store.origin_location.function != store.statement.function:
        yield _origin_record(number, PointerOriginKind.WRITTEN, "", store.origin_location)


def _name_written_record(
    number: int, target: str, passed_at: SourceLocation, written: SourceLocation
) -> Iterator[PointerOriginRecord]:
    """Yield where the function is named, unless the call that passes it on names it."""
    if not is_written_at(passed_at, target):
        yield _origin_record(number, PointerOriginKind.WRITTEN, "", written)


def _target_name(call: PointerCall) -> str:
    return function_reference(call.value)[0] if call.value else ""


def _origin_record(
    number: int,
    origin_kind: PointerOriginKind,
    name: str,
    location: SourceLocation,
    address: int = 0,
    stop: int = -1,
) -> PointerOriginRecord:
    return PointerOriginRecord(
        pointer=number,
        what=origin_kind,
        name=name,
        function=location.function,
        file=location.file,
        line=location.line,
        library=location.library,
        address=address,
        stop=stop,
        defined_in=None if location.defined_in == location.file else location.defined_in,
    )
