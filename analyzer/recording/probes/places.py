"""Finds where the probes of a recording go: in the program, as gdb would set its breakpoints, and in libraries."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.elf import exported_function
from analyzer.adapters.gdb import Gdb, mi_string
from analyzer.adapters.uprobes import Place
from analyzer.errors import AnalyzerError
from analyzer.recording.probes.exits import region_arguments
from analyzer.recording.probes.stack_walker import StackWalker
from analyzer.recording.probes.stops import THREAD_CREATE
from gdbscripts.call_frame_rules import CallFrameRules

_C_LIBRARY = re.compile(r"/(?:libc|libpthread|ld-musl)[^/]*$")  # as in gdbscripts/plan_breakpoints.py
_OF_REGION = "memory_region_"  # begins the names of accessors whose first argument is a memory region
_TIMEOUT = 300.0  # seconds


@dataclass(frozen=True)
class Accessor:
    """A function of QEMU that calls the function of a device: its entry, and the return address of the call.

    Both are virtual addresses of the program file; `returns` is 0 when it is not known.
    """

    entry: int
    returns: int


@dataclass
class ProbePlaces:
    """Where the probes go.

    `functions`: file and virtual address -> functions that have a probe there. `files`: function -> absolute paths
    of the source files that define it, for each function that was found. `accessors`: functions that call a
    device's function. `offsets`: those of members of a memory region, see
    `region_arguments`. `moved`: places whose probe is at another instruction, which takes the kernel less time ->
    its virtual address.
    """

    functions: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)
    accessors: dict[str, Accessor] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    moved: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, file: Path, address: int, function: str) -> None:
        """Add a place; `file` is the path by which its CodeFile is opened."""
        key = str(file), address
        self.functions[key] = (*self.functions.get(key, ()), function)

    def places(self, open_file: Callable[[str], CodeFile]) -> list[Place]:
        """The places as the kernel wants them: positions in files. OSError, ValueError for a file that changed."""
        return self._in_files([place for place in self.functions if not self._has_region(place)], open_file)

    def region_places(self, open_file: Callable[[str], CodeFile]) -> list[Place]:
        """As `places`, those at which the probe fetches a memory region."""
        return self._in_files([place for place in self.functions if self._has_region(place)], open_file)

    def _has_region(self, place: tuple[str, int]) -> bool:
        accessors = [name for name in self.functions[place] if name in self.accessors]
        return bool(region_arguments(self.offsets)) and any(name.startswith(_OF_REGION) for name in accessors)

    def _in_files(self, places: Sequence[tuple[str, int]], open_file: Callable[[str], CodeFile]) -> list[Place]:
        files: dict[str, CodeFile] = {}
        found = []
        for path, address in places:
            if path not in files:
                files[path] = open_file(path)
            found.append(Place(path, files[path].offset_of(self.moved.get((path, address), address))))
        return found

    def breakpoint_of(self, walker: StackWalker) -> Callable[[int], int]:
        """A function that returns, for the pc at a hit, where gdb would have stopped."""
        breakpoints = {(file, probe): address for (file, address), probe in self.moved.items()}

        def breakpoint_at(pc: int) -> int:
            loaded = walker.file_at(pc)
            if loaded is None:
                return pc
            address = breakpoints.get((str(loaded.file.path), pc - loaded.bias))
            return pc if address is None else address + loaded.bias

        return breakpoint_at

    def lookup(self, walker: StackWalker) -> Callable[[int], tuple[str, ...]]:
        """A function that returns the functions that have a probe at a pc, by the mappings that `walker` knows."""

        def functions_at(pc: int) -> tuple[str, ...]:
            loaded = walker.file_at(pc)
            key = (str(loaded.file.path), pc - loaded.bias) if loaded is not None else ("", pc)
            return self.functions.get(key, ())

        return functions_at


def find_places(
    gdb: Gdb,
    plan: Path,
    scratch: Path,
    program: Path,
    libraries: Sequence[Path],
    rules: CallFrameRules | None = None,
) -> ProbePlaces:
    """Find the places for the functions of the plan file `plan` and for pthread_create.

    `gdb` has the symbols of `program`, and `rules` are its call frame rules; without them no probe is moved.
    `libraries` are those that the program loads. GdbError when gdb fails.
    """
    answer = scratch / "places.json"
    gdb.command(f"-chain-probe-places {mi_string(str(plan))} {mi_string(str(answer))}", timeout=_TIMEOUT)
    data = json.loads(answer.read_text())
    places = ProbePlaces()
    for function, found in data["places"].items():
        places.files[function] = found["files"]
        for address in found["addresses"]:
            places.add(program, address, function)
    places.offsets = data["offsets"]
    for function, found in data["accessors"].items():
        if found:
            places.accessors[function] = Accessor(**found)
            places.add(program, found["entry"], function)
    for address, (probe, passed, jumps) in data["probes"]:
        if rules is not None and is_equivalent(rules, address, probe, passed, jumps):
            places.moved[str(program), address] = probe
    own: Mapping[str, int] = data["in_program"]
    if THREAD_CREATE in own:
        places.add(program, own[THREAD_CREATE], THREAD_CREATE)
    else:
        _add_from_library(places, libraries, THREAD_CREATE)
    return places


def is_equivalent(
    rules: CallFrameRules, address: int, probe: int, passed: Sequence[int], computed_jumps: Sequence[int]
) -> bool:
    """Whether the instruction `probe` is executed as often as that at `address`, in frames that can be unwound.

    A jump to a computed address leads to none of the addresses `passed` when the rules tell that the stack has
    another depth there.
    """
    try:
        own, other = rules.rule_at(address), rules.rule_at(probe)
        depths = {rule and (rule.base, rule.offset) for rule in map(rules.rule_at, passed)}
        jumps = {rule and (rule.base, rule.offset) for rule in map(rules.rule_at, computed_jumps)}
    except (struct.error, IndexError):
        return False
    if own is None or other is None or own.outermost is not other.outermost:
        return False
    return not jumps or (None not in jumps | depths and jumps.isdisjoint(depths))


def _add_from_library(places: ProbePlaces, libraries: Sequence[Path], function: str) -> None:
    for library in libraries:
        if not _C_LIBRARY.search(str(library)):
            continue
        try:
            address = exported_function(library, function)
        except AnalyzerError:
            continue
        if address:
            places.add(library, address, function)
            return
