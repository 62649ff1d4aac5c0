"""Return addresses are found in a copy of a stack; stacks made for gdb have the addresses they are to have."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.recording.probes.naming import NamedFrames
from analyzer.recording.probes.stack_walker import StackEnd, StackWalker
from analyzer.recording.probes.synthetic_stacks import (
    AddressPath,
    JoinedPaths,
    join_paths,
    paths_with_all_pairs,
    synthetic_stack,
)
from gdbscripts.call_frame_rules import FRAME_POINTER, STACK_POINTER, FrameRule
from gdbscripts.enums import FrameKind
from gdbscripts.json_lines import to_line
from gdbscripts.records import FrameRecord

STACK = 0x7FFF0000


class WalkerWithRules(StackWalker):
    """Has the rules of a test instead of those of files."""

    def __init__(self, rules: dict[int, FrameRule]) -> None:
        super().__init__()
        self.rules = rules
        self.asked: list[int] = []

    def _find_rule(self, pc: int) -> FrameRule | None:
        self.asked.append(pc)
        return self.rules.get(pc)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}Q", *values)


def test_a_frame_begins_where_its_rule_says():
    """The pc has the rule of its own address, a return address that of the call before it."""
    walker = WalkerWithRules(
        {
            100: FrameRule(STACK_POINTER, 8),
            199: FrameRule(STACK_POINTER, 24),
            299: FrameRule(STACK_POINTER, 8, None, True),
        }
    )
    found = walker.walk(100, STACK, 0, words(200, 7, 7, 300, 0))
    assert found.addresses == (100, 200, 300)
    assert found.end is StackEnd.OUTERMOST


def test_a_frame_pointer_is_restored_for_the_frames_further_out():
    rules = {
        100: FrameRule(STACK_POINTER, 16, -16),  # saves the caller's frame pointer
        199: FrameRule(FRAME_POINTER, 16, -16),
        299: FrameRule(STACK_POINTER, 8, None, True),
    }
    memory = words(STACK + 32, 200, 7, 7, 0, 300)
    assert WalkerWithRules(rules).walk(100, STACK, 0, memory).addresses == (100, 200, 300)


def test_a_copy_that_is_too_short_cuts_the_stack():
    walker = WalkerWithRules({100: FrameRule(STACK_POINTER, 8), 199: FrameRule(STACK_POINTER, 4096)})
    found = walker.walk(100, STACK, 0, words(200, 7))
    assert (found.addresses, found.end) == ((100, 200), StackEnd.CUT)


def test_code_without_rules_ends_the_stack():
    found = WalkerWithRules({100: FrameRule(STACK_POINTER, 8)}).walk(100, STACK, 0, words(200))
    assert (found.addresses, found.end) == ((100, 200), StackEnd.NO_RULE)


def test_a_frame_pointer_that_leads_inwards_ends_the_stack():
    walker = WalkerWithRules({100: FrameRule(FRAME_POINTER, 16, -16)})
    assert walker.walk(100, STACK, STACK - 64, words(0, 0, 0)).end is StackEnd.NO_RULE


def test_each_rule_is_looked_up_once():
    walker = WalkerWithRules({100: FrameRule(STACK_POINTER, 8), 199: FrameRule(STACK_POINTER, 8, None, True)})
    for _ in range(3):
        walker.walk(100, STACK, 0, words(200))
    assert walker.asked == [100, 199]


ADDRESSES = st.lists(st.integers(1, 9).map(lambda number: 1000 * number), min_size=1, max_size=12).map(tuple)


@given(st.lists(ADDRESSES, max_size=12))
def test_each_pair_of_addresses_is_asked_for_once(stacks):
    """Paths from an innermost address on say so: gdb looks up a pc otherwise than a return address."""
    paths = list(paths_with_all_pairs(stacks, lambda pc: (f"function {pc}",)))
    pairs = [pair for path in paths for pair in pairwise(path.addresses)]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {pair for stack in stacks for pair in pairwise(stack)}
    innermost = [path.addresses[0] for path in paths if path.innermost]
    assert set(innermost) == {stack[0] for stack in stacks}
    assert all(path.functions == ((f"function {path.addresses[0]}",) if path.innermost else ()) for path in paths)


RULES = st.one_of(
    st.builds(
        FrameRule, st.just(STACK_POINTER), st.integers(1, 20).map(lambda n: 8 * n), st.none(), st.just(False)
    ),
    st.builds(
        FrameRule, st.just(STACK_POINTER), st.integers(2, 20).map(lambda n: 8 * n), st.just(-16), st.just(False)
    ),
    st.builds(FrameRule, st.just(FRAME_POINTER), st.just(16), st.sampled_from((-16, -24)), st.just(False)),
)


@given(st.lists(RULES, min_size=2, max_size=12), st.booleans())
def test_a_stack_made_for_gdb_is_unwound_to_its_addresses(rules, innermost):
    """Rules save the frame pointer or leave it alone, as compilers do."""
    addresses = tuple(1000 * number for number in range(1, len(rules) + 1))
    table = {address - 1: rule for address, rule in zip(addresses, rules, strict=True)}
    if innermost:
        table[addresses[0]] = table.pop(addresses[0] - 1)
    stack = synthetic_stack(AddressPath(addresses, innermost), table.get, STACK)
    found = WalkerWithRules(table).walk(stack.pc, stack.stack_pointer, stack.frame_pointer, stack.memory)
    assert found.addresses == (stack.pc, *addresses[1:])
    assert found.end is StackEnd.OUTERMOST
    assert stack.pc == addresses[0] - (not innermost)


def test_a_stack_ends_at_code_without_rules_but_does_not_go_through_it():
    table = {100: FrameRule(STACK_POINTER, 8)}
    assert synthetic_stack(AddressPath((100, 200), True), table.get, STACK).memory[:8] == words(200)
    with pytest.raises(ValueError, match="rule"):
        synthetic_stack(AddressPath((100, 200, 300), True), table.get, STACK)


@given(st.lists(ADDRESSES, max_size=30))
def test_paths_share_stacks_that_gdb_unwinds_to_the_end(stacks):
    """A frame that has no caller ends a stack, so its path is the last one on it."""
    paths = list(paths_with_all_pairs(stacks, lambda _: ()))
    joined = list(join_paths(paths, lambda address: address != 9000))
    assert sorted(map(hash, (path for several in joined for path in several.paths))) == sorted(map(hash, paths))
    for several in joined:
        assert all(path.addresses[-1] != 9000 for path in several.paths[:-1])
        assert not any(path.innermost for path in several.paths[1:])
        addresses = several.joined.addresses
        assert [addresses[joint] for joint in several.joints] == [path.addresses[0] for path in several.paths[1:]]


def test_the_frames_of_paths_beyond_the_end_of_a_stack_are_asked_for_again():
    """gdb shows no frames beyond `main`: here beyond address 2."""
    named = NamedFrames()
    first, second = AddressPath((1, 2), True), AddressPath((3, 4))
    frames = [to_line(FrameRecord(number, f"f{number}", FrameKind.NORMAL, number)) for number in range(2)]
    answer = {"frames": frames, "groups": [[[0], [1]]], "functions": []}
    assert named.add_answer(answer, [JoinedPaths((first, second))], ()) == [second]
    assert named.ends == {2}
    answer = {"frames": frames[:1], "groups": [[[], [0]]], "functions": []}
    assert named.add_answer(answer, [JoinedPaths((second,))], ()) == []
    assert named.stack((1, 2)) == (0, 1)
    assert named.outer[3, 4] == [2]
    assert [frame.number for frame in named.frames] == [0, 1, 2]


def test_a_stack_ends_where_gdb_shows_no_more_frames():
    named = NamedFrames()
    answer = {"frames": [], "groups": [[[0], [1]]], "functions": [["f", "f.c", ""]]}
    assert named.add_answer(answer, [JoinedPaths((AddressPath((1, 2, 3), True),))], (7,)) == []
    assert named.stack((1, 2, 3)) == (0, 1)
    assert named.functions == {7: ["f", "f.c", ""]}
    with pytest.raises(KeyError):
        named.stack((1, 3))
