"""What a register held at an earlier instruction of a frame, worked out from what is still there."""

from __future__ import annotations

from typing import List, Optional

import gdb

from gdbscripts.arch.x86_64_effects import PRESERVED, parse_memory
from gdbscripts.memory import address_in, read_pointer, register
from gdbscripts.pointers.dataflow import FunctionCode, ValueOrigin

_DEEPEST = 6  # memory operands that depend on each other


class EarlierRegisters:
    """A frame at `now`, the address of an instruction of it that is being or has just been executed.

    `live` tells that the frame's registers are all its own: nothing was called since.
    """

    def __init__(self, frame: gdb.Frame, code: FunctionCode, now: int, live: bool) -> None:
        self._frame = frame
        self._code = code
        self._now = now
        self._live = live

    def value(self, address: int, place: str, deep: int = 0) -> Optional[int]:
        """What `place` held before the instruction at `address`; None when that cannot be told."""
        memory = parse_memory(place)
        if memory is None:
            return self._register(address, place, deep)
        where = self.address(address, place, deep)
        return None if where is None else read_pointer(where)

    def address(self, address: int, place: str, deep: int = 0) -> Optional[int]:
        """The address that the memory operand `place` meant to the instruction at `address`."""
        memory = parse_memory(place)
        if memory is None or deep > _DEEPEST:
            return None
        base = self._register(address, memory.base, deep) if memory.base else 0
        index = self._register(address, memory.by, deep) if memory.by else 0
        if base is None or index is None:
            return None
        return memory.address(base, index)

    def _register(self, address: int, name: str, deep: int) -> Optional[int]:
        origins = self._code.origins(address, name)
        if (self._live or name in PRESERVED) and (
            address == self._now or self._code.origins(self._now, name) == origins
        ):
            return register(self._frame, name)
        homes = {origin.home for origin in origins}
        if len(homes) == 1 and "" not in homes:
            return read_pointer(address_in(homes.pop(), self._frame))
        return self._origin(origins, deep) if len(origins) == 1 else None

    def _origin(self, origins: List[ValueOrigin], deep: int) -> Optional[int]:
        origin = origins[0]
        if origin.kind == "constant":
            return origin.value
        if origin.kind == "memory":
            return self.value(origin.address, origin.place, deep + 1)
        if origin.kind in ("argument", "result"):  # perhaps it is kept in another register as well
            for name in PRESERVED:
                if self._code.origins(self._now, name) == origins:
                    return register(self._frame, name)
        return None
