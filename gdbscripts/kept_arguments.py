"""Keeps the arguments of calls, for later stacks on which the same calls are still active.

The printed arguments of a call follow from its pc, its preserved registers, the memory of its frame, and those of
its callers, when `argument_locations` says so, and from the texts that its pointers point to.
"""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import gdb

from gdbscripts.frame_arguments import TextRead
from gdbscripts.records import Arguments
from gdbscripts.return_addresses import Activation

_MAX_CALLS = 50000  # kept calls of some 500 bytes each

_Key = Tuple[int, Activation]  # number of the caller, the call


class KeptCall(NamedTuple):
    """The arguments of the frames that gdb shows for one call, and the texts that were read for them."""

    arguments: List[Arguments]
    texts: List[TextRead]


class KeptArguments:
    """Numbers the calls on stacks. A call has the same number again only when it and all its callers are
    unchanged.

    `is_unchanged` tells whether memory still has the bytes of a text. A call that is kept a second time with the
    same number replaces the first.
    """

    def __init__(self, is_unchanged: Callable[[TextRead], bool]) -> None:
        self._is_unchanged = is_unchanged
        self._numbers: Dict[_Key, int] = {}
        self._kept: Dict[int, KeptCall] = {}
        self._last = 0
        gdb.events.exited.connect(self._forget)
        gdb.events.new_objfile.connect(self._forget)

    def numbers_of(self, activations: Sequence[Activation]) -> List[int]:
        """Return the number of each call, innermost first.

        The innermost call gets the number 0: it is running, so all its registers count.
        """
        if len(self._numbers) >= _MAX_CALLS:
            self._forget()
        number, numbers = 0, [0] * len(activations)
        for position in range(len(activations) - 1, 0, -1):
            key = (number, activations[position])
            number = self._numbers.get(key, 0)
            if not number:
                self._last += 1
                number = self._numbers[key] = self._last
            numbers[position] = number
        return numbers

    def arguments_of(self, number: int) -> Optional[List[Arguments]]:
        """Return the arguments of each frame of a call; None when they are not kept, or a text has changed."""
        call = self._kept.get(number)
        if call is None or not all(map(self._is_unchanged, call.texts)):
            return None
        return call.arguments

    def keep(self, number: int, call: KeptCall) -> None:
        """Keep the arguments of a call."""
        self._kept[number] = call

    def _forget(self, event: object = None) -> None:
        self._numbers.clear()
        self._kept.clear()
