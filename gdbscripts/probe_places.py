"""Finds the addresses at which gdb would set breakpoints on the functions of a plan, inlined copies included."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Set

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.disassembly import Disassembler, instruction_text
from gdbscripts.emulated_instructions import ProbeAddress, is_emulated, probe_address
from gdbscripts.load_address import after_prologue
from gdbscripts.plan import RecordingPlan
from gdbscripts.plan_breakpoints import source_files
from gdbscripts.tail_calls import function_address, symbol_at

_MEMBERS = {
    "MemoryRegion": ("name", "ops"),
    "MemoryRegionOps": ("read", "write", "read_with_attrs", "write_with_attrs"),
}
_ADDRESS = re.compile(r"^\d+(?:\.\d+)?\s.*?\sy\s+(0x[0-9a-f]+)", re.MULTILINE)


def write_places(plan: RecordingPlan, answer: str) -> None:
    """Write to the JSON file `answer` the places of the functions of `plan`, in a program that does not run.

    By function: `addresses`, virtual addresses of the program file; `files`, as `set_breakpoints` returns them. A
    function that the program does not have is missing. A function of a request milestone, which the program calls
    in a library, is in `in_program` with its entry address when the program itself has it. `accessors`: see
    `_accessor`; `offsets`: those of members of memory regions. `probes`: pairs of `_probes`.
    """
    places: Dict[str, Any] = {}
    own: Dict[str, int] = {}
    requests = {name for milestone in plan.milestones if milestone.request for name in milestone.functions}
    located = [milestone for milestone in plan.milestones if milestone.addresses or milestone.inlined]
    for milestone in located:  # functions of a glob, which the host has found
        addresses = {*map(after_prologue, milestone.addresses), *milestone.inlined}
        places[milestone.functions[0]] = {"addresses": sorted(addresses), "files": milestone.files}
    named = {name for milestone in plan.milestones for name in milestone.functions if milestone not in located}
    for function in sorted(named - requests):
        if breakpoints := _breakpoint_addresses(function):
            places[function] = {"addresses": breakpoints, "files": source_files(function)}
    for function in sorted({*requests, "pthread_create"}):
        address = function_address(function)
        symbol = symbol_at(address) if address else None
        if symbol is not None and not symbol[2].startswith(".plt"):
            own[function] = address
    accessors = {name: _accessor(name) for name in plan.accessors}
    probed = {address for place in places.values() for address in place["addresses"]}
    entries = {accessor["entry"] for accessor in accessors.values() if accessor}
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(
            {
                "places": places,
                "probes": list(_probes(probed, entries, set(own.values())).items()),
                "in_program": own,
                "accessors": accessors,
                "offsets": _member_offsets() if plan.accessors else {},
            },
            file,
        )


def _breakpoint_addresses(function: str) -> List[int]:
    """Return the addresses of a breakpoint on `function`; none when the program has no such function."""
    breakpoint_ = gdb.Breakpoint(function)
    try:
        if breakpoint_.pending:
            return []
        if hasattr(breakpoint_, "locations"):  # gdb 13
            return sorted(int(location.address) for location in breakpoint_.locations)
        table = gdb.execute("info breakpoints %d" % breakpoint_.number, to_string=True)
        return sorted({int(address, 16) for address in _ADDRESS.findall(table)})
    finally:
        breakpoint_.delete()


def _probes(breakpoints: Set[int], entries: Set[int], fixed: Set[int]) -> Dict[int, ProbeAddress]:
    """Return where probes go instead of to breakpoints, by the addresses of these.

    At `entries` a probe reads arguments in registers; at the addresses `fixed` it must be there itself.
    """
    disassembler = Disassembler()
    taken = breakpoints | entries | fixed
    found = {}
    for address in sorted((breakpoints | entries) - fixed):
        if is_emulated(instruction_text(address)):  # most entries of functions: their code need not be read
            continue
        code = disassembler.function_around(address)
        chosen = probe_address(code, address, taken, keep_registers=address in entries) if code else None
        if chosen is not None:
            taken.add(chosen.address)
            found[address] = chosen
    return found


def _accessor(function: str) -> Dict[str, Any]:
    """Return the entry of a function that calls a device's function, and the return address of that call.

    `returns` is 0 when the function has no or several calls through pointers.
    """
    entry = function_address(function)
    if not entry:
        return {}
    calls = [
        item.address + item.length
        for item in Disassembler().function_around(entry) or ()
        if architecture.classify(item.text)[0] == "indirect"
    ]
    return {"entry": entry, "returns": calls[0] if len(calls) == 1 else 0}


def _member_offsets() -> Dict[str, int]:
    """Return the offsets in bytes of the members of a memory region and its operations, as far as they exist."""
    found = {}
    for structure, names in _MEMBERS.items():
        for name in names:
            try:
                offset = gdb.parse_and_eval("(unsigned long)&((%s *) 0)->%s" % (structure, name))
            except gdb.error:
                continue
            found[name] = int(offset)
    return found
