"""The stacks of a text as they are kept: each different one once, and no more of them than one graph can show."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from analyzer.imports.stacks import ImportedFrame, ImportedStack, ThreadLabel
from analyzer.text import number_of

DISTINCT = 50_000  # different stacks
TEXT = 40_000_000  # characters of the frames of all of them
CALLS = 8_000_000  # characters of the different calls in them: the graph and the report have each
_BESIDES, _BESIDES_OF_CALL = 20, 60  # characters that a frame and a call count besides what they name


@dataclass
class StackCounter:
    """Stacks in the order they came. With `counted` equal ones of a thread are kept once, with their number.

    The first stack there is no room for, and all others that are new from then on, are `left_out`: only counted.
    """

    counted: bool
    distinct: int = DISTINCT
    stacks: list[ImportedStack] = field(default_factory=list)
    left_out: int = 0
    _positions: dict[tuple[ThreadLabel | None, tuple[ImportedFrame, ...]], int] = field(default_factory=dict)
    _frames: dict[ImportedFrame, ImportedFrame] = field(default_factory=dict)  # each different one once
    _calls: set[tuple[str, str]] = field(default_factory=set)
    _text: int = 0
    _text_of_calls: int = 0

    def add(self, stack: ImportedStack) -> None:
        """One more."""
        known = self._positions.get((stack.thread, stack.frames)) if self.counted else None
        if known is not None:
            before = self.stacks[known]
            self.stacks[known] = before._replace(times=before.times + stack.times)
        elif self.left_out or not self._has_room(stack):
            self.left_out += stack.times
        else:
            self._keep(stack)

    def sentence(self) -> str:
        """How many were left out, and what to do; "" when all were kept."""
        if not self.left_out:
            return ""
        kept = f"{len(self.stacks)} {'different ones' if self.counted else 'ones'}"
        return (
            f"{number_of(self.left_out, 'stack')} that came after the first {kept} "
            f"{'is' if self.left_out == 1 else 'are'} left out of everything here: there is no room for more. "
            "Choose a part, as with perf script's --comm or --time."
        )

    def _has_room(self, stack: ImportedStack) -> bool:
        frames = stack.frames + stack.creator
        calls = {(outer.name, inner.name) for inner, outer in pairwise(frames)} - self._calls
        self._calls |= calls
        self._text += sum(map(_length, frames))
        self._text_of_calls += sum(len(outer) + len(inner) + _BESIDES_OF_CALL for outer, inner in calls)
        within = len(self.stacks) < self.distinct and self._text <= TEXT and self._text_of_calls <= CALLS
        return within or not self.stacks  # one there always is

    def _keep(self, stack: ImportedStack) -> None:
        frames = tuple(self._frames.setdefault(frame, frame) for frame in stack.frames)
        if self.counted:
            self._positions[stack.thread, frames] = len(self.stacks)
        self.stacks.append(stack._replace(frames=frames))


def _length(frame: ImportedFrame) -> int:
    arguments = sum(len(name) + len(value) for name, value in frame.arguments)
    return len(frame.name) + len(frame.file) + len(frame.library) + arguments + _BESIDES
