"""Recursions: stacks of thousands of frames."""

from __future__ import annotations

import pytest

from tests.pasted import imported, shown

MAIN = "#{0} 0x0000000000000020 in main () at m.c:2\n"


def recursion(depth: int) -> str:
    """A stack of that many frames as gdb prints it, of a function that calls itself and, outermost, `main`."""
    frame = "#{0:<2} 0x{1:016x} in rec (n={0}) at a.c:{2}\n"
    return "".join(frame.format(n, n + 64, n + 1) for n in range(depth - 1)) + MAIN.format(depth - 1)


@pytest.mark.parametrize("depth", [100, 101, 150, 1001])
def test_what_show_prints_of_a_deep_stack_gives_the_same_recording(depth):
    text = shown(imported(recursion(depth)))
    again = imported(text)
    assert shown(again) == text
    assert again.notes == ()
    assert len(again.stops[0].frames) == depth
    assert recursion(depth) in text
