"""One stop becomes one chain of steps, outermost first, from `main` even when another thread runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from analyzer.graph.call_graph import Chain, ChainStep, GraphPointer, GraphPointerOrigin, MissedMilestone
from analyzer.kvm.exits import decode_exit
from analyzer.kvm.kernel_functions import KERNEL, delivers_coalesced_write, kernel_functions
from analyzer.model.call_kinds import CallKind
from analyzer.model.frames import LIBC_START_FRAMES, Frame, Function, Stop, call_key
from analyzer.model.kvm import Ioctl
from analyzer.model.pointers import Pointer
from analyzer.model.recording import Recording
from gdbscripts.enums import StopReason

# As gdb disassembles: `call 0x55… <name>`, `call *0x8(%rip) # 0x55… <table+8>`, `call 0x55…`.
_NAMED = re.compile(r"0x[0-9a-f]+ <(.+)>")
_NAMELESS = re.compile(r"\s*#\s*0x[0-9a-f]+$|(?<=\w) 0x[0-9a-f]+$")


_PLUMBING_FILES = {"pthread_create.c", "clone.S", "clone3.S", "libc-start.c", "libc_start_call_main.h", "start.S"}


@dataclass(frozen=True)
class RecordedStep:
    """One function of a chain and how the previous one came to it.

    `file` and `line` say where this function was at that moment, that is where it calls the next one; `kind` is
    None for the outermost step. `frame` is None for a function that left no frame.
    """

    function: Function
    kind: CallKind | None
    file: str = ""
    line: int = 0
    instruction: str = ""  # the call that led here, without addresses
    frame: Frame | None = None
    pointer: Pointer | None = None  # the one the previous step called this one through


def own_chain(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """The stop's stack as steps, outermost first; what the C library does to start a thread is left out.

    So are frames that nobody knows the function of: nobody knows either how the one outside came to the inner one.
    """
    steps: list[RecordedStep] = []
    frames = own_frames(stop, recording)
    for position in reversed(range(len(frames))):
        frame = frames[position]
        if frame.is_unknown:
            continue
        if steps and frames[position + 1].is_unknown:
            steps.append(_step(frame, CallKind.UNKNOWN))
            continue
        indirect = recording.pointers and steps
        pointer = recording.pointers.get(call_key(stop.frames, position + 1, frame.name)) if indirect else None
        steps.extend(_steps_of(frame, steps, pointer))
    return steps


def whole_chain(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """The stop's chain with the chain of the thread's creator, and of that one's creator, in front."""
    steps = own_chain(stop, recording)
    seen = {stop.thread}
    thread = recording.thread(stop.thread)
    while steps and (creation := recording.creation(thread)) and creation.thread not in seen:
        seen.add(creation.thread)
        # The edge goes from the function that called pthread_create: it is the one people know.
        before = own_chain(creation, recording)[:-1]
        steps = [*before, replace(steps[0], kind=CallKind.THREAD_START), *steps[1:]]
        thread = recording.thread(creation.thread)
    return steps


def without_addresses(instruction: str) -> str:
    """`call 0x5555559f9340 <accel_init_machine>` is `call accel_init_machine`."""
    return _NAMELESS.sub("", _NAMED.sub(r"\1", instruction))


def _is_plumbing(frame: Frame) -> bool:
    """Whether it is libc's, in a text that does not name the library; some name the file instead."""
    own = not frame.file or PurePosixPath(frame.file).name in _PLUMBING_FILES
    return own and frame.name.partition("@")[0] in LIBC_START_FRAMES


def _steps_of(frame: Frame, outer: list[RecordedStep], pointer: Pointer | None) -> Iterator[RecordedStep]:
    """The step of `frame`, after those of functions between it and its caller which left no frame."""
    caller = outer[-1].frame if outer else None
    if caller is None:
        yield _step(frame, None)
        return
    kind, instruction = caller.call, without_addresses(caller.instruction)
    for position, hidden in enumerate(caller.via):
        yield RecordedStep(hidden, CallKind.TAIL if position else CallKind.DIRECT, instruction=instruction)
        instruction = ""
    if pointer is not None and pointer.value:
        kind = CallKind.INDIRECT
        for hidden in pointer.leads:
            yield RecordedStep(hidden, kind, instruction=instruction, pointer=pointer)
            kind, instruction, pointer = CallKind.TAIL, "", None
    yield replace(_step(frame, kind, instruction), pointer=pointer)


def _step(frame: Frame, kind: CallKind | None, instruction: str = "") -> RecordedStep:
    return RecordedStep(frame.function, kind, frame.file, frame.line, instruction, frame)


def own_frames(stop: Stop, recording: Recording) -> tuple[Frame, ...]:
    """The stop's stack without what the C library does to start a thread or the program.

    Below the thread's start function when that is known; else without the outermost frames that are in libraries,
    known for it, or not known at all.
    """
    frames, thread = stop.frames, recording.thread(stop.thread)
    for position in reversed(range(len(frames))):
        if thread.start is not None and frames[position].function == thread.start:
            return frames[: position + 1]
    kept = frames
    while kept and (kept[-1].library or kept[-1].is_unknown or _is_plumbing(kept[-1])):
        kept = kept[:-1]
    return kept or frames


_ACCESSES = {
    "out": "The guest writes to port {:#x}",
    "in": "The guest reads port {:#x}",
    "write": "The guest writes to memory at {:#x}",
    "read": "The guest reads memory at {:#x}",
}


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


def _device_chains(recording: Recording, position: int) -> Iterator[Chain]:
    """A chain for each stop in a device's function, from the thread's start, named after where the guest turns."""
    exits = {exit_.number: exit_ for exit_ in recording.exits}
    for stop in recording.stops:
        exit_ = exits.get(stop.exit) if stop.reason is StopReason.IO and stop.exit is not None else None
        if exit_ is not None:
            name, title = _access(stop, exit_.run)
            label = recording.thread(stop.thread).label
            steps = tuple(graph_step(step) for step in own_chain(stop, recording))
            if not steps:
                continue
            yield Chain(f"{StopReason.IO} {name}", title, "", False, position, label, steps)


def _access(stop: Stop, run: bytes) -> tuple[str, str]:
    """What the guest asks for at this stop: a name without spaces, and a title."""
    access = decode_exit(run)
    if delivers_coalesced_write(stop):
        return "kept", "A write that KVM had kept back is delivered"
    if access.direction in _ACCESSES and access.address is not None:
        return f"{access.direction} {access.address:#x}", _ACCESSES[access.direction].format(access.address)
    return access.reason, f"KVM comes back with {access.reason}"


def kernel_steps(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """How the chain of a stop at an ioctl goes on in the kernel; nothing when the ledger does not have it."""
    entry = _entry_of(stop, recording)
    if entry is None:
        return []
    names, observed = kernel_functions(entry)
    inner = CallKind.KERNEL if observed else CallKind.DOCUMENTED
    first = CallKind.SYSCALL if observed else CallKind.DOCUMENTED
    return [
        RecordedStep(Function(name, KERNEL), first if not position else inner)
        for position, name in enumerate(names)
    ]


def _entry_of(stop: Stop, recording: Recording) -> Ioctl | None:
    """The ledger's entry for the same call: the nearest in time on the same thread and descriptor."""
    if stop.ioctl is None:
        return None
    same = recording.ioctls_of(stop.thread, stop.ioctl.fd, stop.ioctl.number)
    return min(same, key=lambda entry: abs(entry.time - stop.time), default=None)
