"""Function pointers: the slot that holds one, its value, and the functions that set it."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.model.frames import DefinedFunction, Function
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind


@dataclass(frozen=True)
class PointerOrigin:
    """One step of the dataflow from an indirect call back to where the source names the function.

    `what`, with the values of PointerOriginKind:
      passed    `function` passes the value as the argument `name`
      read      the value is read from the slot `name`
      stored    `function` stores the value in the slot `name`
      copied    `function` copies the value to the slot `name` from the slot of the next step
      written   the source of `function` has the pointed-to function by name
      static    the initialiser of the table `name` has the value
      returned  the function `name` returns the value to `function`
    """

    what: PointerOriginKind
    name: str
    function: Function | None  # None for read and static
    file: str  # relative to the source root, with `line` the place in the source; "" and 0 when unknown
    line: int
    address: int  # of the slot; 0 when there is none
    stop: int | None  # number of the stop whose stack shows the step


@dataclass(frozen=True)
class Pointer:
    """The function pointer of an indirect call, and its origin.

    When `outcome` is EXPLAINED, `steps` lead to the source. NOT_REPRODUCED: the call did not occur again when QEMU
    was run again to observe it. `reason` says why it is not explained.
    """

    kind: SlotKind
    slot: str  # `AccelClass.init_machine`; "" for unnamed memory
    address: int  # of the slot; 0 when there is none
    value: int  # the address in the slot
    target: str  # name of the function at `value`
    outcome: PointerOutcome
    reason: str
    tail_calls: tuple[DefinedFunction, ...]  # the target and further functions that reach the callee by tail calls
    steps: tuple[PointerOrigin, ...]  # from the call back to the source
