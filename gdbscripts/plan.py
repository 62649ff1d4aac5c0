"""What the host asks the gdb side to record: standard library only, both sides import it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import List


@dataclass(frozen=True)
class PlannedMilestone:
    """One milestone to wait for.

    `request` narrows a step on `ioctl` to one request (its number; 0 for any call). A step is recorded up to
    `limit` times, once a thread when `per_thread`; with `as_often_as` it is complete after as many stops as
    the step of that name had, and costs nothing any more.
    """

    name: str
    title: str
    required: bool
    functions: List[str]
    request_name: str = ""
    request: int = 0
    per_thread: bool = False
    limit: int = 1000
    as_often_as: str = ""
    returns: bool = False
    shows_accelerator: bool = False
    about: str = ""
    target: bool = False


@dataclass(frozen=True)
class AcceleratorTest:
    """`expression` is true in QEMU when accelerator `name` runs."""

    name: str
    expression: str


@dataclass(frozen=True)
class IndirectCallSite:
    """A call through a pointer that is to be explained.

    The call was seen in a stack: `reached` is the address the thread stood at or, with `left`, would return to
    from a library; `stack` are the return addresses from there outwards, those in the program; the call's own is
    number `position`. `returns` are those from the call outwards, with what gdb shows of functions that jumped on
    and left no frame of their own. `inside_callee` is an address in the code of the function that was reached,
    `callee` its name. `hidden` is an address in the function, called by name, that went on through the pointer and
    left no frame; 0 when the caller itself called through it.
    """

    stop_address: int
    return_addresses: List[int]
    call_position: int
    returns: List[int]
    callee_address: int
    callee: str
    in_library: bool = False
    elided_function: int = 0


@dataclass(frozen=True)
class RecordingPlan:
    """Everything to record, and the file to append it to; `ledger` asks for all of KVM's ioctls.

    With `samples` that many exits of each reason are followed to the device; `accessors` are the functions that
    hand an access to it.

    With `pointers` it asks for these to be explained.
    """

    recording: str
    milestones: List[PlannedMilestone]
    accelerators: List[AcceleratorTest]
    ioctl_log: bool = False
    samples: int = 0
    accessors: List[str] = field(default_factory=list)
    pointers: List[IndirectCallSite] = field(default_factory=list)


def save(plan: RecordingPlan, path: str) -> None:
    """Write `plan` as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(asdict(plan), file)


def load(path: str) -> RecordingPlan:
    """The plan that `save` wrote."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    data["milestones"] = [PlannedMilestone(**milestone) for milestone in data["milestones"]]
    data["accelerators"] = [AcceleratorTest(**test) for test in data["accelerators"]]
    data["pointers"] = [IndirectCallSite(**call_site) for call_site in data.get("pointers", ())]
    return RecordingPlan(**data)
