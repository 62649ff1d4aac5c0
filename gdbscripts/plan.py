"""The plan that the host sends to gdb: what to record. Both sides import it; standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import List, Optional


@dataclass(frozen=True)
class PlannedMilestone:
    """One milestone to record.

    `request` limits a milestone on `ioctl` to one request number; 0 means any call. The milestone is recorded up
    to `limit` times (0: each time), once per thread when `per_thread` is set. With `as_often_as` it is complete
    after as many stops as the milestone of that name has, and its breakpoint is deleted then. `returns` asks for
    the return value too. `passed`: the program was past this milestone when gdb attached to it.
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
    passed: bool = False


@dataclass(frozen=True)
class AcceleratorTest:
    """A C expression that is true in QEMU when accelerator `name` runs."""

    name: str
    expression: str


@dataclass(frozen=True)
class IndirectCallSite:
    """An indirect call of a recorded stack whose pointer is to be explained.

    All addresses are ints. `stop_address` is the pc at which the stack was recorded, or with `in_library` the
    return address of the call into the library. `return_addresses` are those of the program's frames from there
    outwards; the one of the indirect call is number `call_position`. `returns` are the return addresses from the
    indirect call outwards, including tail-call frames that gdb reconstructs. `callee_address` is an address in the
    code of the called function and `callee` is its name. `elided_function` is the address of a function that was
    called by name, left by an indirect tail call and has no frame; 0 when the caller itself makes the indirect
    call.
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
class KnownPointer:
    """What an earlier recording found out about the pointer of a call: to be compared with this one.

    `slots` are the addresses of all slots that held `value`, `target` is the name of the function there, `leads`
    the names of the functions that it reached the callee through by tail calls.
    """

    call_site: IndirectCallSite
    slots: List[int]
    value: int
    target: str
    leads: List[str]


@dataclass(frozen=True)
class RunStatePlan:
    """The names in QEMU that tell whether it lets its guest run. Each list has the alternatives of all versions.

    `main_loop_wait`: functions in which the main loop waits. `main_loop`: functions that call them in a loop.
    `variables` have the run state, an enum RunState; `setters` change it. `vcpu_lists` are C expressions that are
    0 while QEMU has no processor. `vcpu_waits`: functions in which a vCPU thread waits for work. `paused`: run
    states that end the guest's run for good; `paused_in_main_loop`: those that do so only when the main loop sets
    them.
    `stops`: whether QEMU is stopped when it does not let the guest run, or only the state is told when asked for.
    """

    main_loop_wait: List[str]
    main_loop: List[str]
    variables: List[str]
    setters: List[str]
    vcpu_lists: List[str]
    vcpu_waits: List[str]
    paused: List[str]
    paused_in_main_loop: List[str]
    stops: bool = True


@dataclass(frozen=True)
class RecordingPlan:
    """All that gdb is to record, and the file to append it to.

    `ioctl_log` asks for all ioctls on KVM descriptors. `samples` is the number of exits per exit reason whose
    handling is recorded down to the device function; `accessors` are the functions that call device functions.
    `pointers` are the indirect calls to explain, `known` those that an earlier recording explained. `run_state`
    asks to stop QEMU when it does not let its guest run.
    """

    recording: str
    milestones: List[PlannedMilestone]
    accelerators: List[AcceleratorTest]
    ioctl_log: bool = False
    samples: int = 0
    accessors: List[str] = field(default_factory=list)
    pointers: List[IndirectCallSite] = field(default_factory=list)
    known: List[KnownPointer] = field(default_factory=list)
    run_state: Optional[RunStatePlan] = None


def save(plan: RecordingPlan, path: str) -> None:
    """Write `plan` as JSON to the file `path`. Raises OSError."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(asdict(plan), file)


def load(path: str) -> RecordingPlan:
    """Return the plan that `save` wrote to `path`. Raises OSError, and ValueError when it is not JSON."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    data["milestones"] = [PlannedMilestone(**milestone) for milestone in data["milestones"]]
    data["accelerators"] = [AcceleratorTest(**test) for test in data["accelerators"]]
    data["pointers"] = [IndirectCallSite(**call_site) for call_site in data.get("pointers", ())]
    data["known"] = [
        KnownPointer(**{**known, "call_site": IndirectCallSite(**known["call_site"])})
        for known in data.get("known", ())
    ]
    data["run_state"] = RunStatePlan(**data["run_state"]) if data.get("run_state") else None
    return RecordingPlan(**data)
