"""One stop becomes one chain of steps, outermost first, from `main` even when another thread runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from analyzer.model import LIBC_START_FRAMES, CallKind, Frame, Function, Pointer, Recording, Stop, call_key

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
        if frame.is_hole:
            continue
        if steps and frames[position + 1].is_hole:
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
    while kept and (kept[-1].library or kept[-1].is_hole or _is_plumbing(kept[-1])):
        kept = kept[:-1]
    return kept or frames
