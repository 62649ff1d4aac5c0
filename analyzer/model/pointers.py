"""Function pointers: the slot, the value, and who set it."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.model.frames import Function
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind


@dataclass(frozen=True)
class PointerOrigin:
    """A step back from a call through a pointer to where the pointer was set.

    `what`: passed (as the argument `name`), read (from the slot `name`), stored (to it), copied (to it, from the
    slot of the next step), written (the function's name), static (the table `name` has it from the beginning),
    returned (by the function `name`). `function` is the one that does it, None for read and static.
    """

    what: PointerOriginKind
    name: str
    function: Function | None
    file: str
    line: int
    address: int  # of the slot; 0 when there is none
    stop: int | None  # number of the stop that shows it


@dataclass(frozen=True)
class Pointer:
    """The pointer that an indirect call went through."""

    kind: SlotKind
    slot: str  # `AccelClass.init_machine`; "" when it has no name
    address: int
    value: int
    target: str  # the function it points to
    outcome: PointerOutcome
    reason: str
    leads: tuple[Function, ...]  # the target and others, when they jumped on to the callee
    steps: tuple[PointerOrigin, ...]  # that nearest to the call first
