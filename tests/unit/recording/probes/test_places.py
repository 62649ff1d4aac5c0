"""Where probes go instead of to the addresses of breakpoints."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from analyzer.recording.probes.places import ProbePlaces, is_equivalent
from analyzer.recording.probes.stack_walker import LoadedFile, StackWalker
from gdbscripts.call_frame_rules import FRAME_POINTER, STACK_POINTER, CallFrameRules, FrameRule

ENTRY, AFTER_PUSH, BODY = FrameRule(STACK_POINTER, 8), FrameRule(STACK_POINTER, 16), FrameRule(FRAME_POINTER, 16)


def rules(by_address: dict[int, FrameRule]) -> CallFrameRules:
    return cast("CallFrameRules", SimpleNamespace(rule_at=by_address.get))


FUNCTION = rules({1: ENTRY, 2: AFTER_PUSH, 3: BODY, 8: ENTRY, 9: BODY})


def test_a_probe_is_moved_when_both_frames_can_be_unwound():
    assert is_equivalent(FUNCTION, 3, 1, [2, 3], [])
    assert not is_equivalent(FUNCTION, 3, 7, [], [])
    assert not is_equivalent(FUNCTION, 7, 1, [], [])


def test_a_tail_call_through_a_pointer_leads_to_no_place_with_a_deeper_stack():
    assert is_equivalent(FUNCTION, 3, 1, [2, 3], [8])


@pytest.mark.parametrize("jump", [9, 7])
def test_a_jump_that_may_lead_between_the_two_keeps_the_probe(jump):
    """It has a stack of the same depth, or none that is known."""
    assert not is_equivalent(FUNCTION, 3, 1, [2, 3], [jump])


def test_a_jump_that_leads_nowhere_between_two_addresses_without_rules_is_not_known():
    assert not is_equivalent(FUNCTION, 3, 1, [7], [8])


def test_the_kernel_gets_the_moved_place_and_a_hit_is_that_of_the_breakpoint():
    file = SimpleNamespace(path="/qemu", offset_of=lambda address: address - 0x100)
    walker = StackWalker()
    walker._loaded, walker._starts = [LoadedFile(0x5000, 0x6000, 0x4000, file)], [0x5000]
    places = ProbePlaces(functions={("/qemu", 0x1108): ("f",), ("/qemu", 0x1200): ("g",)})
    places.moved["/qemu", 0x1108] = 0x1100
    assert [place.offset for place in places.places(lambda _: file)] == [0x1000, 0x1100]
    breakpoint_at = places.breakpoint_of(walker)
    assert [breakpoint_at(pc) for pc in (0x5100, 0x5200, 0x9000)] == [0x5108, 0x5200, 0x9000]
