"""Makes stacks that gdb unwinds to given return addresses, to learn which frames gdb shows for them.

The frames between two return addresses depend on both addresses only, so gdb is asked once for each pair, with as
few stacks as have all pairs. Each becomes a thread of a core file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from gdbscripts.call_frame_rules import FRAME_POINTER, FrameRule

Pair = tuple[int, int]  # a pc or return address, and the return address of the next outer frame
_ALIGNMENT = 16
_RED_ZONE = 128  # bytes below the stack pointer that may be in use
_JOINED_ADDRESSES = 100  # on one stack
_BEYOND = 64  # bytes above the outermost frame, which are zero


@dataclass(frozen=True)
class AddressPath:
    """Return addresses of consecutive frames, innermost first.

    `innermost`: the first of them is the pc of an innermost frame, and `functions` have a probe there. Otherwise
    it is a return address, too.
    """

    addresses: tuple[int, ...]
    innermost: bool = False
    functions: tuple[str, ...] = ()


@dataclass(frozen=True)
class JoinedPaths:
    """Paths one after the other on one stack; all but the first begin with a return address."""

    paths: tuple[AddressPath, ...]

    @property
    def joined(self) -> AddressPath:
        """The addresses of all paths."""
        first = self.paths[0]
        addresses = tuple(address for path in self.paths for address in path.addresses)
        return AddressPath(addresses, first.innermost, first.functions)

    @property
    def joints(self) -> list[int]:
        """The positions at which the paths begin, but for the first."""
        return list(accumulate(len(path.addresses) for path in self.paths[:-1]))


class SyntheticStack(NamedTuple):
    """The registers of a thread and its stack, whose first byte is at the address `stack_pointer`."""

    pc: int
    stack_pointer: int
    frame_pointer: int
    memory: bytes


def paths_with_all_pairs(
    stacks: Iterable[tuple[int, ...]], functions_at: Callable[[int], tuple[str, ...]]
) -> Iterator[AddressPath]:
    """Paths that have each pair of addresses of the stacks once, and each innermost address at least once.

    A stack is its addresses; `functions_at` are the functions that have a probe at an innermost address.
    """
    innermost: set[int] = set()
    pairs: set[Pair] = set()
    for addresses in stacks:
        start = 0 if addresses[0] not in innermost else None
        innermost.add(addresses[0])
        functions = functions_at(addresses[0])
        for position in range(1, len(addresses)):
            pair = addresses[position - 1], addresses[position]
            if pair not in pairs:
                pairs.add(pair)
                start = position - 1 if start is None else start
            elif start is not None:
                yield _path(addresses[start:position], start, functions)
                start = None
        if start is not None:
            yield _path(addresses[start:], start, functions)


def _path(addresses: tuple[int, ...], start: int, functions: tuple[str, ...]) -> AddressPath:
    return AddressPath(addresses, start == 0, functions if start == 0 else ())


def join_paths(paths: Iterable[AddressPath], can_unwind: Callable[[int], bool]) -> Iterator[JoinedPaths]:
    """Put paths onto as few stacks as possible: gdb takes longer for a stack than for some of its frames.

    A path that begins with an innermost frame has a stack of its own, and so has one whose last frame cannot be
    unwound: `can_unwind` tells that for a return address.
    """
    waiting: list[AddressPath] = []
    for path in paths:
        if path.innermost or not can_unwind(path.addresses[-1]):
            yield JoinedPaths((path,))
            continue
        waiting.append(path)
        if sum(len(path.addresses) for path in waiting) >= _JOINED_ADDRESSES:
            yield JoinedPaths(tuple(waiting))
            waiting = []
    if waiting:
        yield JoinedPaths(tuple(waiting))


def synthetic_stack(path: AddressPath, rule_at: Callable[[int], FrameRule | None], address: int) -> SyntheticStack:
    """A stack at `address` or above from which gdb unwinds to the addresses of the path, and to no further frame.

    ValueError when `rule_at` has no rule for one of them.
    """
    keys = [path.addresses[0] if path.innermost else path.addresses[0] - 1]
    keys += [return_address - 1 for return_address in path.addresses[1:]]
    rules = [_plain_rule(rule_at(key)) for key in keys[:-1]]
    last = rule_at(keys[-1])  # gdb need not unwind it
    if last is not None:
        rules.append(last)
    frame_addresses = _frame_addresses(rules, address + _RED_ZONE)
    stack = bytearray((frame_addresses[-1] if frame_addresses else address + _RED_ZONE) + _BEYOND - address)
    frame_pointer = 0  # that the frames further out need
    for number in reversed(range(len(rules))):
        rule, end = rules[number], frame_addresses[number] - address
        following = path.addresses[number + 1] if number + 1 < len(path.addresses) else 0
        struct.pack_into("<Q", stack, end - 8, following)
        if rule.saved_frame_pointer is not None:
            struct.pack_into("<Q", stack, end + rule.saved_frame_pointer, frame_pointer)
            frame_pointer = 0
        if rule.base == FRAME_POINTER:
            frame_pointer = frame_addresses[number] - rule.offset
    return SyntheticStack(keys[0], address + _RED_ZONE, frame_pointer, bytes(stack[_RED_ZONE:]))


def _plain_rule(rule: FrameRule | None) -> FrameRule:
    if rule is None:
        raise ValueError("an address without a call frame rule")
    return rule


def _frame_addresses(rules: Sequence[FrameRule], stack_pointer: int) -> list[int]:
    """The canonical frame address of each frame; the first one has the stack pointer `stack_pointer`."""
    found = []
    for rule in rules:
        if rule.base == FRAME_POINTER:  # of any size that has room for the registers saved
            size = max(rule.offset, 16 - (rule.saved_frame_pointer or 0))
            stack_pointer += size + -(stack_pointer + size) % _ALIGNMENT
        else:
            stack_pointer += rule.offset
        found.append(stack_pointer)
    return found
