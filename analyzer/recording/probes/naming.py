"""Asks gdb for the frames of stacks, of which only the return addresses are known.

gdb has the symbols of the program and no process: it reads a core file with stacks made for that. Each pair of
return addresses is looked up once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from analyzer.adapters.core_file import CodeAt, CoreThread, Memory, write_core_file
from analyzer.adapters.gdb import Gdb, mi_string
from analyzer.recording.probes.stack_walker import StackWalker
from analyzer.recording.probes.synthetic_stacks import (
    AddressPath,
    JoinedPaths,
    Pair,
    join_paths,
    paths_with_all_pairs,
    synthetic_stack,
)
from gdbscripts.json_lines import from_line
from gdbscripts.records import FrameRecord

_TIMEOUT = 600.0  # seconds
_ALIGNMENT = 16
_PLACES = (0x2000_0000_0000, 0x1000_0000_0000, 0x3000_0000_0000)  # addresses for the stacks
_SPAN = 1 << 40  # bytes that must be free from there on
_MAPS = 1 << 39  # the list of libraries is so many bytes further


@dataclass
class NamedFrames:
    """The frames that gdb shows for return addresses.

    `frames`: their records in the order of their numbers. `innermost`: pc -> frame numbers; `outer`: pair of
    addresses -> numbers of the frames of the outer one. `ends`: addresses beyond which gdb shows no frames.
    `functions`: address -> name, source file and library of the function there.
    """

    frames: list[FrameRecord] = field(default_factory=list)
    innermost: dict[int, list[int]] = field(default_factory=dict)
    outer: dict[Pair, list[int]] = field(default_factory=dict)
    ends: set[int] = field(default_factory=set)
    functions: dict[int, list[str]] = field(default_factory=dict)

    def add_answer(
        self, answer: dict[str, Any], stacks: Sequence[JoinedPaths], functions: Sequence[int]
    ) -> list[AddressPath]:
        """Add what gdb answers for stacks and functions; returns the paths that lie beyond the end of a stack.

        gdb ends a stack at `main`. Frames of a second answer get further numbers.
        """
        first = len(self.frames)
        for line in answer["frames"]:
            frame = from_line(line)
            assert isinstance(frame, FrameRecord)
            self.frames.append(replace(frame, number=first + frame.number))
        left: list[AddressPath] = []
        for several, groups in zip(stacks, answer["groups"], strict=True):
            if len(groups) < len(several.joined.addresses):
                self.ends.add(several.joined.addresses[len(groups) - 1])
            numbered = [[first + number for number in group] for group in groups]
            start = 0
            for path in several.paths:
                own = numbered[start : start + len(path.addresses)]
                start += len(path.addresses)
                if not own:
                    left.append(path)
                self._add(path, own)
        self.functions.update(zip(functions, answer["functions"], strict=True))
        return left

    def _add(self, path: AddressPath, groups: Sequence[list[int]]) -> None:
        if path.innermost and groups:
            self.innermost[path.addresses[0]] = groups[0]
        for position in range(1, len(groups)):
            self.outer[path.addresses[position - 1], path.addresses[position]] = groups[position]

    def stack(self, addresses: tuple[int, ...]) -> tuple[int, ...]:
        """The frame numbers of a stack, innermost first. KeyError when gdb did not find one of its frames."""
        numbers = list(self.innermost[addresses[0]])
        for pair in pairwise(addresses):
            if pair[0] in self.ends:
                break
            numbers.extend(self.outer[pair])
        return tuple(numbers)


def name_stacks(
    gdb: Gdb,
    scratch: Path,
    walker: StackWalker,
    program: Path,
    stacks: Sequence[tuple[int, ...]],
    functions_at: Callable[[int], tuple[str, ...]],
    library_names: Mapping[Path, str],
    functions: Sequence[int] = (),
) -> NamedFrames:
    """Find the frames of `stacks` in gdb, which has the symbols of `program`; files go to the folder `scratch`.

    `functions_at` are the functions that have a probe at a pc; `library_names` are the dynamic linker's names of
    files; `functions` are addresses of functions to name.
    GdbError when gdb fails.
    """
    named = NamedFrames()
    paths = list(paths_with_all_pairs(stacks, functions_at))
    while paths:
        joined = list(join_paths(paths, lambda address: address not in named.ends and walker.can_unwind(address)))
        core, asked, answer = scratch / "core", scratch / "asked.json", scratch / "answer.json"
        joined = _write_core(core, joined, walker, program, library_names)
        asked.write_text(_request(core, joined, functions))
        gdb.command(f"-chain-frame-groups {mi_string(str(asked))} {mi_string(str(answer))}", timeout=_TIMEOUT)
        left = named.add_answer(json.loads(answer.read_text()), joined, functions)
        functions = ()
        paths = left if len(left) < len(paths) else []
    return named


def _request(core: Path, stacks: Sequence[JoinedPaths], functions: Sequence[int]) -> str:
    asked = [(several.joined, several.joints) for several in stacks]
    paths = [(len(path.addresses), path.innermost, path.functions, joints) for path, joints in asked]
    return json.dumps({"core": str(core), "paths": paths, "functions": functions})


def _write_core(
    core: Path,
    stacks: Sequence[JoinedPaths],
    walker: StackWalker,
    program: Path,
    library_names: Mapping[Path, str],
) -> list[JoinedPaths]:
    """Write the core file; returns those that have a stack in it, in the order of the threads."""
    address = base = _free_place(walker)
    parts: list[bytes] = []
    threads: list[CoreThread] = []
    written: list[JoinedPaths] = []
    for paths in stacks:
        try:
            stack = synthetic_stack(paths.joined, walker.rule_at, address)
        except ValueError:  # a stack that ends at code without rules
            continue
        part = bytes(stack.stack_pointer - address) + stack.memory
        part += bytes(-len(part) % _ALIGNMENT)
        parts.append(part)
        address += len(part)
        threads.append(CoreThread(1 + len(threads), stack.pc, stack.stack_pointer, stack.frame_pointer))
        written.append(paths)
    files = {}
    for _, _, bias, file in walker.loaded:
        files[file.path] = CodeAt(file, bias, library_names.get(file.path) or str(file.path.absolute()))
    own = files.pop(program)
    write_core_file(core, threads, Memory(base, b"".join(parts)), own, list(files.values()), base + _MAPS)
    return written


def _free_place(walker: StackWalker) -> int:
    taken = [(loaded.start, loaded.end) for loaded in walker.loaded]
    return next(place for place in _PLACES if all(end <= place or place + _SPAN <= start for start, end in taken))
