"""What a graph keeps of a recording's chains: to each milestone, and to the devices that serve the guest."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.graph.boundary import kernel_steps
from analyzer.graph.callgraph import Chain, ChainStep, GraphPointer, GraphPointerOrigin, MissedMilestone
from analyzer.graph.chain import RecordedStep, own_chain, whole_chain, without_addresses
from analyzer.kvm.exits import decode_exit
from analyzer.model import Pointer, Recording, Stop
from gdbscripts.wire import IO

_ACCESSES = {
    "out": "The guest writes to port {:#x}",
    "in": "The guest reads port {:#x}",
    "write": "The guest writes to memory at {:#x}",
    "read": "The guest reads memory at {:#x}",
}
_KEPT = "coalesced"  # in the name of QEMU's function that delivers what KVM had kept back


def chains_of(recording: Recording) -> list[Chain]:
    """The distinct chains to each milestone, in the order of the milestones, then those to devices."""
    milestones = {milestone.name: (position, milestone) for position, milestone in enumerate(recording.milestones)}
    found: dict[Chain, None] = {}
    for stop in recording.stops:
        if not stop.milestones:
            continue
        whole = [*whole_chain(stop, recording), *kernel_steps(stop, recording)]
        if not whole:  # nobody knows a single function of it
            continue
        steps = tuple(graph_step(step) for step in whole)
        label = recording.thread(stop.thread).label
        for name in stop.milestones:
            position, milestone = milestones[name]
            chain = Chain(name, milestone.title, milestone.about, milestone.target, position, label, steps)
            found.setdefault(chain)
    found |= dict.fromkeys(_device_chains(recording, len(milestones)))
    return sorted(found, key=chain_order)


def missing_of(recording: Recording) -> list[MissedMilestone]:
    """The milestones that were waited for and not reached, in their order."""
    reached = recording.reached
    return [
        MissedMilestone(m.name, m.title, bool(m.found), tuple(m.found or m.missing))
        for m in recording.milestones
        if m.name not in reached
    ]


def chain_order(chain: Chain) -> tuple[int, str, str, int, str]:
    """A key to sort chains by."""
    return chain.position, chain.milestone, chain.thread, len(chain.steps), repr(chain.steps)


def graph_step(step: RecordedStep) -> ChainStep:
    """The step as a graph keeps it: without the frame, and without a library's files."""
    in_library = step.frame is not None and step.frame.library
    file, line = ("", 0) if in_library else (step.file, step.line)
    slot = graph_pointer(step.pointer) if step.pointer is not None else None
    return ChainStep(step.function, step.kind, file, line, without_addresses(step.instruction), slot)


def graph_pointer(pointer: Pointer) -> GraphPointer:
    """The pointer as a graph keeps it: without addresses, and without a library's files."""
    set_by = tuple(
        GraphPointerOrigin(step.what, step.name, step.function.name if step.function else "", step.file, step.line)
        for step in pointer.steps
    )
    return GraphPointer(pointer.kind, pointer.slot, pointer.outcome, pointer.reason, set_by)


def delivers_coalesced_write(stop: Stop) -> bool:
    """Whether QEMU serves a write here that KVM had kept back (coalesced) until this exit."""
    return any(_KEPT in frame.function.name for frame in stop.frames)


def _device_chains(recording: Recording, position: int) -> Iterator[Chain]:
    """A chain for each stop in a device's function, from the thread's start, named after where the guest turns."""
    exits = {exit_.number: exit_ for exit_ in recording.exits}
    for stop in recording.stops:
        exit_ = exits.get(stop.exit) if stop.reason == IO and stop.exit is not None else None
        if exit_ is not None:
            name, title = _access(stop, exit_.run)
            label = recording.thread(stop.thread).label
            steps = tuple(graph_step(step) for step in own_chain(stop, recording))
            if not steps:
                continue
            yield Chain(f"{IO} {name}", title, "", False, position, label, steps)


def _access(stop: Stop, run: bytes) -> tuple[str, str]:
    """What the guest asks for at this stop: a name without spaces, and a title."""
    access = decode_exit(run)
    if delivers_coalesced_write(stop):
        return "kept", "A write that KVM had kept back is delivered"
    if access.direction in _ACCESSES and access.address is not None:
        return f"{access.direction} {access.address:#x}", _ACCESSES[access.direction].format(access.address)
    return access.reason, f"KVM comes back with {access.reason}"
