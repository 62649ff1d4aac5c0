"""Finds where the probes of a recording go: in the program, as gdb would set its breakpoints, and in libraries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.elf import exported_function
from analyzer.adapters.gdb import Gdb, mi_string
from analyzer.adapters.uprobes import Place
from analyzer.errors import AnalyzerError
from analyzer.recording.probes.stack_walker import StackWalker
from analyzer.recording.probes.stops import THREAD_CREATE

_C_LIBRARY = re.compile(r"/(?:libc|libpthread|ld-musl)[^/]*$")  # as in gdbscripts/plan_breakpoints.py
_TIMEOUT = 300.0  # seconds


@dataclass
class ProbePlaces:
    """Where the probes go.

    `functions`: file and virtual address -> functions that have a probe there. `files`: function -> absolute paths
    of the source files that define it, for each function that was found.
    """

    functions: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, list[str]] = field(default_factory=dict)

    def add(self, file: Path, address: int, function: str) -> None:
        """Add a place; `file` is the path by which its CodeFile is opened."""
        key = str(file), address
        self.functions[key] = (*self.functions.get(key, ()), function)

    def places(self, open_file: Callable[[str], CodeFile]) -> list[Place]:
        """The places as the kernel wants them: positions in files. OSError, ValueError for a file that changed."""
        files: dict[str, CodeFile] = {}
        found = []
        for path, address in self.functions:
            if path not in files:
                files[path] = open_file(path)
            found.append(Place(path, files[path].offset_of(address)))
        return found

    def lookup(self, walker: StackWalker) -> Callable[[int], tuple[str, ...]]:
        """A function that returns the functions that have a probe at a pc, by the mappings that `walker` knows."""

        def functions_at(pc: int) -> tuple[str, ...]:
            loaded = walker.file_at(pc)
            key = (str(loaded.file.path), pc - loaded.bias) if loaded is not None else ("", pc)
            return self.functions.get(key, ())

        return functions_at


def find_places(gdb: Gdb, plan: Path, scratch: Path, program: Path, libraries: Sequence[Path]) -> ProbePlaces:
    """Find the places for the functions of the plan file `plan` and for pthread_create.

    `gdb` has the symbols of `program`; `libraries` are those that the program loads. GdbError when gdb fails.
    """
    answer = scratch / "places.json"
    gdb.command(f"-chain-probe-places {mi_string(str(plan))} {mi_string(str(answer))}", timeout=_TIMEOUT)
    data = json.loads(answer.read_text())
    places = ProbePlaces()
    for function, found in data["places"].items():
        places.files[function] = found["files"]
        for address in found["addresses"]:
            places.add(program, address, function)
    own: Mapping[str, int] = data["in_program"]
    if THREAD_CREATE in own:
        places.add(program, own[THREAD_CREATE], THREAD_CREATE)
    else:
        _add_from_library(places, libraries, THREAD_CREATE)
    return places


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
