"""Leaves out stacks that a text has twice. Pure; linear in the number of frames.

gdb prints the innermost frame when it opens a core file, when the program stops, and for `frame`, `up` and `down`;
a backtrace of the same thread has that frame again. A crash report of apport has the stack of the crashed thread
without its thread (Stacktrace) and with it (ThreadStacktrace).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyzer.backtraces.stacks import ImportedFrame, ImportedStack, ThreadLabel

_Identity = tuple[tuple[str, int, int], ...]  # of a stack: function, line and address of each frame
_Place = tuple[int, str]  # level of a frame, and its function: of the last frame that `up` printed


def without_repeated(stacks: Sequence[ImportedStack]) -> list[ImportedStack]:
    """Return the stacks in their order, without single frames and stacks of Stacktrace that another stack repeats.

    A stack that stays gets the thread of a single frame left out, when the text names no thread for the stack.
    """
    others = {_identity(stack.frames) for stack in stacks if not stack.crashed}
    left = [stack for stack in stacks if not (stack.crashed and _identity(stack.frames) in others)]
    wanted = {_place_of_position(stack) for stack in left if stack.position >= 0}
    if not wanted:
        return left
    having: dict[_Place, list[int]] = {}
    for number, stack in enumerate(left):
        if stack.position < 0 and not stack.heading:
            for place in wanted & set(_places(stack, max(level for level, _ in wanted) + 1)):
                having.setdefault(place, []).append(number)
    return _without_positions(left, having)


def _without_positions(stacks: list[ImportedStack], having: dict[_Place, list[int]]) -> list[ImportedStack]:
    repeated = set()
    for number, stack in enumerate(stacks):
        candidates = having.get(_place_of_position(stack), ()) if stack.position >= 0 else ()
        same = next((n for n in candidates if _may_be_one_thread(stack.thread, stacks[n].thread)), None)
        if same is not None:
            repeated.add(number)
            stacks[same] = stacks[same]._replace(thread=stacks[same].thread or stack.thread)
    return [stack for number, stack in enumerate(stacks) if number not in repeated]


def _place_of_position(stack: ImportedStack) -> _Place:
    return stack.position, stack.frames[-1].name


def _places(stack: ImportedStack, count: int) -> Iterable[_Place]:
    return enumerate(frame.name for frame in stack.frames[:count])


def _identity(frames: Iterable[ImportedFrame]) -> _Identity:
    return tuple((frame.name, frame.line, frame.pc) for frame in frames)


def _may_be_one_thread(first: ThreadLabel | None, second: ThreadLabel | None) -> bool:
    if first is None or second is None:
        return True
    return first.tid == second.tid if first.tid and second.tid else first.number == second.number
