"""Finds the functions that `--break` names, before gdb runs anything: names, source files, addresses."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from analyzer.adapters.dwarf_functions import FunctionCode, functions_with_code
from analyzer.adapters.dwarf_units import UnsupportedDwarfError
from analyzer.adapters.elf import function_names, function_symbols
from analyzer.errors import UsageError
from analyzer.model.frames import without_compiler_suffix
from analyzer.recording.break_patterns import BreakPattern, parse_break
from analyzer.recording.scenarios import break_step, calls_step
from analyzer.text import number_of, some_of
from gdbscripts.plan import PlannedMilestone

_NAMES_IN_MESSAGE = 3
_NAMES_IN_NOTE = 5
# Of crt1.o, crti.o and crtbegin.o: the linker adds them to every program.
_OF_THE_C_RUNTIME = frozenset(
    {
        "_start",
        "_init",
        "_fini",
        "frame_dummy",
        "register_tm_clones",
        "deregister_tm_clones",
        "__do_global_dtors_aux",
    }
)
_COLD = ".cold"  # suffix of the symbol of code that GCC moved away from its function: no entry of a function


@dataclass(frozen=True)
class BreakSelection:
    """What one `--break` selects.

    `steps`: a milestone for each function. `places`: the number of addresses, inlined copies included; 0 when gdb
    looks the function up. `in_scenario`: how many of the functions are milestones of the scenario too. `repeated`:
    how many functions an earlier `--break` has selected, which are not in `steps`.
    """

    pattern: BreakPattern
    steps: tuple[PlannedMilestone, ...]
    places: int = 0
    in_scenario: int = 0
    repeated: int = 0

    @property
    def sentence(self) -> str:
        """How many functions a glob records; "" for a single function."""
        if not self.pattern.is_glob:
            return ""
        count = len(self.steps)
        places = f" in {self.places} places" if self.places > count else ""
        remarks = []
        if self.in_scenario:
            remarks.append(f"{self.in_scenario} that the scenario records already")
        if self.repeated:
            remarks.append(f"{self.repeated} more that an earlier --break records")
        return (
            f"--break {shlex.quote(self.pattern.text)} records {number_of(count, 'function')}{places}"
            f"{' (' + ', '.join(remarks) + ')' if remarks else ''}"
        )


def select_functions(
    breaks: Sequence[str],
    limit: int,
    scenario: Iterable[PlannedMilestone],
    symbols: Path,
    is_elsewhere: Callable[[str], bool] = lambda _: False,
) -> list[BreakSelection]:
    """What each of `breaks` selects in the program whose symbols are in the file `symbols`.

    `limit`: hits to record of each function, 0 for all. `scenario`: the milestones that are recorded in any case.
    `is_elsewhere`: whether a function that the program lacks is in one of its libraries. UsageError for a
    function that does not exist and for a glob that matches none, with near names in its hint.
    """
    patterns = [parse_break(text) for text in breaks]
    program = ProgramFunctions(symbols, [pattern for pattern in patterns if pattern.is_glob])
    own = {name for step in scenario if not step.request for name in step.functions}
    selected: set[str] = set()
    selections = []
    for pattern in patterns:
        if pattern.is_glob:
            selection = _select(pattern, limit, program, own, selected)
        else:
            if not (program.has(pattern) or is_elsewhere(pattern.name)):
                raise unknown_function(pattern.text, symbols)
            step = break_step(pattern.text, limit)
            selection = BreakSelection(pattern, () if pattern.text in selected else (step,))
        selected |= {step.functions[0] for step in selection.steps}
        selections.append(selection)
    return selections


def select_calls(functions: Sequence[str], limit: int, symbols: Path) -> list[BreakSelection]:
    """What each --break-calls-of of `functions` records: the calls of one function; parameters and errors as
    `select_functions`."""
    if not functions:
        return []
    every = BreakPattern("*", "*")
    program = ProgramFunctions(symbols, [every])
    if program.defined is None:
        raise UsageError(
            "--break-calls-of needs debug information in one file.", "It may be in .dwo files (-gsplit-dwarf)."
        )
    return [_select_calls(parse_break(function), limit, program, symbols) for function in functions]


def unknown_function(function: str, symbols: Path, option: str = "--break") -> UsageError:
    """The error for a function of `option` that the program does not have."""
    names = {without_compiler_suffix(name) for name in function_names(symbols)}
    near = get_close_matches(function, names, n=_NAMES_IN_MESSAGE, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Its source may not be part of this build."
    return UsageError(f"{option} {function}: this QEMU has no such function.", hint)


def notes_on_globs(selections: Iterable[BreakSelection], is_reached: Callable[[str], bool]) -> Iterator[str]:
    """A sentence for each glob: how many of its functions were hit, and some of those that were not.

    `is_reached`: whether the milestone of a name was reached.
    """
    for selection in selections:
        if not selection.pattern.is_glob:
            continue
        missed = [step.functions[0] for step in selection.steps if not is_reached(step.name)]
        count = len(selection.steps)
        never = f"; never hit: {some_of(missed, _NAMES_IN_NOTE)}" if missed else ""
        glob = shlex.quote(selection.pattern.text)
        yield f"{count - len(missed)} of {number_of(count, 'function')} of --break {glob} were hit{never}."


class ProgramFunctions:
    """The functions of one program, from its symbol table and its debug information, read when needed.

    `globs`: only functions that one of them may match are read from the debug information.
    """

    def __init__(self, symbols: Path, globs: Sequence[BreakPattern]) -> None:
        self._path = symbols
        self._globs = globs

    @cached_property
    def symbols(self) -> dict[str, set[int]]:
        """Name without compiler suffixes -> addresses."""
        found: dict[str, set[int]] = defaultdict(set)
        for name, address in function_symbols(self._path):
            if _COLD not in name:
                found[without_compiler_suffix(name)].add(address)
        return found

    @cached_property
    def names(self) -> set[str]:
        """The names in the symbol table, with and without compiler suffixes, also of functions in libraries."""
        return function_names(self._path) | set(self.symbols)

    @cached_property
    def defined(self) -> list[FunctionCode] | None:
        """The functions of the debug information; None when it cannot be read here."""
        names = [glob for glob in self._globs if glob.name != "*"]
        if len(names) < len(self._globs):
            return self._read(lambda _: True)
        return self._read(lambda name: any(glob.matches_name(name) for glob in names))

    @cached_property
    def every(self) -> list[FunctionCode]:
        """All functions of the debug information, for near names in an error message."""
        return self._read(lambda _: True) or []

    @cached_property
    def files(self) -> set[str]:
        """The source files that define functions."""
        return {function.file for function in self.every}

    def has(self, pattern: BreakPattern) -> bool:
        """Whether the program has the one function that `pattern` names; True when gdb must be asked."""
        if not pattern.file and pattern.name in self.names:
            return True
        if ":" in pattern.name:  # C++: the symbol table has another spelling
            return True
        defined = self._read(lambda name: name == pattern.name)
        return defined is None or any(pattern.matches_file(function.file) for function in defined)

    def _read(self, wanted: Callable[[str], bool]) -> list[FunctionCode] | None:
        try:
            return functions_with_code(self._path, wanted)
        except UnsupportedDwarfError:
            return None


def _select(
    pattern: BreakPattern, limit: int, program: ProgramFunctions, own: Collection[str], selected: Collection[str]
) -> BreakSelection:
    defined = program.defined
    if pattern.file and defined is None:
        raise UsageError(
            f"--break {pattern.text}: the files of functions cannot be read from this debug information.",
            "It may be in .dwo files (-gsplit-dwarf). Name the functions instead: --break 'NAME*'.",
        )
    matching = [f for f in defined or () if pattern.matches_name(f.name) and pattern.matches_file(f.file)]
    groups = _by_label(pattern, matching, defined or (), program)
    if not groups:
        raise _no_match(pattern, program)
    steps, places, in_scenario, repeated = [], 0, 0, 0
    for label, functions in sorted(groups.items()):
        if label in selected:
            repeated += 1
            continue
        entries = {address for function in functions for address in function.entries}
        inlined = {copy.address for function in functions for copy in function.inlined}
        places += len(entries | inlined)
        in_scenario += label in own
        steps.append(
            break_step(
                label, limit, pattern.text, entries if label not in own else (), inlined if label not in own else
                (), {function.file for function in functions} - {""},
            )
        )  # fmt: skip
    return BreakSelection(pattern, tuple(steps), places, in_scenario, repeated)


def _select_calls(pattern: BreakPattern, limit: int, program: ProgramFunctions, symbols: Path) -> BreakSelection:
    defined = program.defined or []
    copies = [f for f in defined if f.name == pattern.name and pattern.matches_file(f.file)]
    addresses = {address for f in copies for address in (*f.entries, *(copy.address for copy in f.inlined))}
    if not pattern.file:
        addresses |= program.symbols.get(pattern.name, set())
    if not addresses:
        raise unknown_function(pattern.text, symbols, option="--break-calls-of")
    inlined = {copy.address for f in defined for copy in f.inlined if copy.caller == pattern.name}
    files = {f.file for f in copies} - {""}
    return BreakSelection(pattern, (calls_step(pattern.text, limit, addresses, inlined, files),))


def _by_label(
    pattern: BreakPattern,
    matching: Sequence[FunctionCode],
    defined: Sequence[FunctionCode],
    program: ProgramFunctions,
) -> dict[str, list[FunctionCode]]:
    """The functions by what names them: NAME when all functions of that name match, else FILE:NAME."""
    groups: dict[str, list[FunctionCode]] = defaultdict(list)
    if not pattern.file:
        for function in matching:
            groups[function.name].append(function)
        for name, addresses in program.symbols.items():
            if pattern.matches_name(name) and name not in _OF_THE_C_RUNTIME:
                known = {address for function in groups.get(name, ()) for address in function.entries}
                if addresses - known:
                    groups[name].append(FunctionCode(name, "", addresses - known))
        return groups
    files: dict[str, set[str]] = defaultdict(set)
    for function in defined:
        files[function.name].add(function.file)
    chosen: dict[str, set[str]] = defaultdict(set)
    for function in matching:
        chosen[function.name].add(function.file)
    for function in matching:
        others = files[function.name]
        whole = others == chosen[function.name]
        groups[function.name if whole else f"{_shortest_end(function.file, others)}:{function.name}"].append(
            function
        )
    return groups


def _shortest_end(file: str, others: Collection[str]) -> str:
    """The shortest end of the path `file` that no other of `others` ends in."""
    parts = file.split("/")
    for count in range(1, len(parts)):
        end = "/".join(parts[-count:])
        if sum(f"/{other}".endswith(f"/{end}") for other in others) == 1:
            return end
    return file


def _no_match(pattern: BreakPattern, program: ProgramFunctions) -> UsageError:
    text = shlex.quote(pattern.text)
    files = program.files if pattern.file else set()
    if pattern.file and not any(map(pattern.matches_file, files)):
        ends = {"/".join(file.split("/")[-depth:]) for file in files for depth in (1, 2, 3)}
        near = get_close_matches(pattern.file.strip("*/"), ends, n=_NAMES_IN_MESSAGE, cutoff=0.6)
        hint = (
            f"Near: {', '.join(near)}."
            if near
            else "Paths are relative to the source tree: 'file:hw/i386/*'; "
            "its files may not be part of this build."
        )
        return UsageError(f"--break {text}: no function of this QEMU is defined in such a file.", hint)
    names: Collection[str] = program.symbols
    if pattern.file:
        names = {function.name for function in program.every if pattern.matches_file(function.file)}
    near = get_close_matches(pattern.name.strip("*"), names, n=_NAMES_IN_MESSAGE, cutoff=0.5)
    hint = f"Near: {', '.join(near)}. " if near else ""
    return UsageError(
        f"--break {text}: no function of this QEMU matches.",
        f"{hint}Functions of libraries are not matched; name one in full.",
    )
