"""Writes a recording as a profile of Callgrind, which KCachegrind, QCachegrind and callgrind_annotate read.

The format: "Callgrind Format Specification" of Valgrind. Its one event is `Hits`, the number of stops.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

from analyzer.model.frames import Function
from analyzer.model.recording import Recording
from reports.export.samples import Steps, file_of, merged, program_name, samples_of_threads, shown

_Level = tuple[Function, int]  # the function, and which of its frames on the stack it is: 1 for the outermost
_Site = tuple[int, _Level]  # line of the call, callee
_Key = TypeVar("_Key")
UNKNOWN_FILE = "???"  # as Callgrind writes it


def to_callgrind(recording: Recording) -> Iterator[str]:
    """Yield the profile in pieces, one a function: its own hits, and the hits of each of its calls.

    A function that is on a stack several times is written as `f`, `f'2`, `f'3`, as `--separate-recs` of Callgrind
    does: the inclusive hits of a function are then the stops that it is on.
    """
    costs = _Costs()
    for _, of_thread in samples_of_threads(recording):
        for steps, count in merged(of_thread):
            costs.add(steps, count)
    yield (
        "# callgrind format\nversion: 1\n"
        f"creator: {shown(recording.header.tool)}\ncmd: {program_name(recording)}\n"
        f"desc: Trigger: stops of {shown(recording.header.scenario)}\n"
        f"positions: line\nevent: Hits : Stops of the debugger\nevents: Hits\nsummary: {costs.total}\n"
    )
    yield from costs.functions()
    yield f"\ntotals: {costs.total}\n"


class _Costs:
    """Sums the hits of functions and calls; `functions` writes them."""

    def __init__(self) -> None:
        self.total = 0
        self._own: defaultdict[_Level, Counter[int]] = defaultdict(Counter)  # line -> hits
        self._calls: defaultdict[_Level, Counter[_Site]] = defaultdict(Counter)
        self._files: dict[Function, str] = {}
        self._file_numbers: dict[str, int] = {}
        self._numbers: dict[_Level, int] = {}

    def add(self, steps: Steps, count: int) -> None:
        """Add a stack that was recorded `count` times."""
        self.total += count
        seen: Counter[Function] = Counter()
        levels: list[_Level] = []
        for step in steps:
            seen[step.function] += 1
            levels.append((step.function, seen[step.function]))
            self._files[step.function] = self._files.get(step.function) or file_of(step)
        self._own[levels[-1]][steps[-1].line] += count
        for (caller, callee), step in zip(pairwise(levels), steps, strict=False):
            self._calls[caller][step.line, callee] += count

    def functions(self) -> Iterator[str]:
        """Yield the text of each function."""
        for level in dict.fromkeys((*self._calls, *self._own)):
            lines = [f"\nfl={self._file(level)}", f"fn={self._name(level)}"]
            lines += [f"{line} {hits}" for line, hits in sorted(self._own[level].items())]
            for (line, callee), hits in sorted(self._calls[level].items()):
                lines += [f"cfi={self._file(callee)}", f"cfn={self._name(callee)}"]
                lines += [f"calls={hits} 0", f"{line} {hits}"]
            yield "\n".join(lines) + "\n"

    def _file(self, level: _Level) -> str:
        file = shown(self._files[level[0]]) if self._files[level[0]] else UNKNOWN_FILE
        return _compressed(self._file_numbers, file, file)

    def _name(self, level: _Level) -> str:
        (function, depth) = level
        return _compressed(self._numbers, level, shown(function.name) + (f"'{depth}" if depth > 1 else ""))


def _compressed(numbers: dict[_Key, int], key: _Key, text: str) -> str:
    """Return `(number) text` where a name is written first, `(number)` where it is written again."""
    if key in numbers:
        return f"({numbers[key]})"
    numbers[key] = len(numbers) + 1
    return f"({numbers[key]}) {text}"
