"""Turns a stop into a chain: functions outermost first, from `main` on even when another thread runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

from analyzer.graph.call_graph import ChainStep, GraphPointer, GraphPointerOrigin
from analyzer.kvm.kernel_functions import KERNEL, kernel_functions
from analyzer.model.frames import (
    LIBC_START_FRAMES,
    Arguments,
    DefinedFunction,
    Frame,
    Function,
    Stop,
    call_key,
)
from analyzer.model.pointers import Pointer
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind

# As gdb disassembles: `call 0x55… <name>`, `call *0x8(%rip) # 0x55… <table+8>`, `call 0x55…`.
_SYMBOLIC_ADDRESS = re.compile(r"0x[0-9a-f]+ <(.+)>")
_BARE_ADDRESS = re.compile(r"\s*#\s*0x[0-9a-f]+$|(?<=\w) 0x[0-9a-f]+$")
_MOST_INSTRUCTIONS = 1 << 16  # remembered without addresses: a recording has one for each place of a call


_LIBC_START_FILES = {
    "pthread_create.c",
    "clone.S",
    "clone3.S",
    "libc-start.c",
    "libc_start_call_main.h",
    "start.S",
}


class RecordedStep(NamedTuple):
    """One function of a chain, and the call that led to it.

    `file` and `line` say where this function calls the next one, relative to the source root; `kind` is None for
    the outermost function. `frame` is None for a function without a frame, such as one that ended in a tail call;
    its `file` is the one that defines it.
    """

    function: Function
    kind: CallKind | None
    file: str = ""
    line: int = 0
    instruction: str = ""  # the call that led here, without addresses
    frame: Frame | None = None
    pointer: Pointer | None = None  # the pointer through which the previous function calls this one
    defined_in: str = ""  # the file that defines this function; "" when unknown, and in a library
    arguments: Arguments = ()  # of the frame at this stop; () without a frame, and when they were not read


def own_chain(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """Return the stop's stack as steps, outermost function first.

    The C library's frames that start a thread or the program are left out, and so are unknown frames; the call
    past an unknown frame has the kind `unknown`. The result is empty when no function is known.
    """
    steps: list[RecordedStep] = []
    frames = own_frames(stop, recording)
    for position in reversed(range(len(frames))):
        frame = frames[position]
        if frame.is_unknown:
            continue
        if steps and frames[position + 1].is_unknown:
            steps.append(_step(frame, CallKind.UNKNOWN, stop.arguments_of(position)))
            continue
        indirect = steps and frame.name in recording.pointer_callees
        pointer = recording.pointers.get(call_key(stop.frames, position + 1, frame.name)) if indirect else None
        steps.extend(_steps_to_frame(frame, stop.arguments_of(position), steps, pointer))
    return steps


def whole_chain(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """Return the stop's chain with the chain of the thread that created its thread in front, and so on to `main`.

    A call of kind `thread-start` joins two threads. The result is `own_chain` when no creation was recorded, and
    for an open-ended stack, which does not reach the start of its thread.
    """
    steps = own_chain(stop, recording)
    seen = {stop.thread}
    thread = recording.thread(stop.thread)
    while (
        steps and not stop.open_ended and (creation := recording.creation(thread)) and creation.thread not in seen
    ):
        seen.add(creation.thread)
        # The innermost step is pthread_create; the thread start is an edge of the function that calls it.
        creating_steps = own_chain(creation, recording)
        creating_steps = creating_steps[:-1] or creating_steps  # a text may name the creating function only
        steps = [*creating_steps, steps[0]._replace(kind=CallKind.THREAD_START), *steps[1:]]
        thread = recording.thread(creation.thread)
    return steps


@lru_cache(_MOST_INSTRUCTIONS)
def without_addresses(instruction: str) -> str:
    """Return the instruction without addresses: `call 0x5555559f9340 <kvm_init>` becomes `call kvm_init`."""
    return _BARE_ADDRESS.sub("", _SYMBOLIC_ADDRESS.sub(r"\1", instruction))


def _is_libc_start_frame(frame: Frame) -> bool:
    """Return whether the frame is libc's start code, in a backtrace that does not name the library."""
    # Some backtraces name the file of libc instead.
    may_be_libc = not frame.file or PurePosixPath(frame.file).name in _LIBC_START_FILES
    return may_be_libc and frame.name.partition("@")[0] in LIBC_START_FRAMES


def _steps_to_frame(
    frame: Frame, arguments: Arguments, outer: list[RecordedStep], pointer: Pointer | None
) -> Iterator[RecordedStep]:
    """Yield the steps from the caller to `frame`: first the functions between them that have no frame."""
    caller = outer[-1].frame if outer else None
    if caller is None:
        yield _step(frame, None, arguments)
        return
    kind, instruction = caller.call, without_addresses(caller.instruction)
    for position, elided in enumerate(caller.elided):
        yield _elided_step(elided, CallKind.TAIL if position else CallKind.DIRECT, instruction)
        instruction = ""
    if pointer is not None and pointer.value:
        kind = CallKind.INDIRECT
        for elided in pointer.tail_calls:
            yield _elided_step(elided, kind, instruction)._replace(pointer=pointer)
            kind, instruction, pointer = CallKind.TAIL, "", None
    yield _step(frame, kind, arguments, instruction, pointer)


def _step(
    frame: Frame,
    kind: CallKind | None,
    arguments: Arguments,
    instruction: str = "",
    pointer: Pointer | None = None,
) -> RecordedStep:
    return RecordedStep(
        frame.function, kind, frame.file, frame.line, instruction, frame, pointer, frame.defined_in, arguments
    )


def _elided_step(elided: DefinedFunction, kind: CallKind, instruction: str) -> RecordedStep:
    return RecordedStep(elided.function, kind, elided.file, instruction=instruction, defined_in=elided.file)


def own_frames(stop: Stop, recording: Recording) -> tuple[Frame, ...]:
    """Return the stop's stack, innermost frame first, without the frames that start a thread or the program.

    The result ends with the thread's start function when that is known; else the outermost frames are left out
    that belong to a library, to libc's start code, or to no known function. A stack of such frames only stays
    whole.
    """
    frames, thread = stop.frames, recording.thread(stop.thread)
    for position in reversed(range(len(frames))):
        if thread.start is not None and frames[position].function == thread.start:
            return frames[: position + 1]
    end = len(frames)
    while end and (frames[end - 1].library or frames[end - 1].is_unknown or _is_libc_start_frame(frames[end - 1])):
        end -= 1
    return frames[:end] or frames


def graph_step(step: RecordedStep) -> ChainStep:
    """Return the step for a graph: without the frame, addresses and the files of libraries."""
    in_library = step.frame is not None and step.frame.library
    file, line = ("", 0) if in_library else (step.file, step.line)
    pointer = graph_pointer(step.pointer) if step.pointer is not None else None
    instruction = without_addresses(step.instruction)
    return ChainStep(step.function, step.kind, file, line, instruction, pointer, step.defined_in)


def graph_pointer(pointer: Pointer) -> GraphPointer:
    """Return the pointer for a graph: without addresses and the files of libraries."""
    set_by = tuple(
        GraphPointerOrigin(step.what, step.name, step.function.name if step.function else "", step.file, step.line)
        for step in pointer.steps
    )
    return GraphPointer(pointer.kind, pointer.slot, pointer.outcome, pointer.reason, set_by)


def kernel_steps(stop: Stop, recording: Recording) -> list[RecordedStep]:
    """Return the kernel functions that the stop's ioctl calls; [] when the ioctl log does not contain the ioctl.

    Functions that were traced have the kind `kernel`, those known from the kernel's source only `documented`.
    """
    ioctl = None if stop.ioctl is None else recording.ioctl_of(stop)
    if ioctl is None:
        return []
    names, observed = kernel_functions(ioctl)
    inner = CallKind.KERNEL if observed else CallKind.DOCUMENTED
    first = CallKind.SYSCALL if observed else CallKind.DOCUMENTED
    return [
        RecordedStep(Function(name, KERNEL), first if not position else inner)
        for position, name in enumerate(names)
    ]
