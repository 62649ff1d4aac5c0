"""Walks one stack into frames, as gdb's own `bt` shows them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import gdb

from gdbscripts.call_instructions import CallClassifier
from gdbscripts.enums import FrameKind
from gdbscripts.frame_arguments import arguments_of
from gdbscripts.records import CUT as CUT_BEGINS
from gdbscripts.records import SIGNAL, UNKNOWN_NAME, Arguments, FrameRecord

_KINDS = {
    gdb.NORMAL_FRAME: FrameKind.NORMAL,
    gdb.INLINE_FRAME: FrameKind.INLINE,
    gdb.TAILCALL_FRAME: FrameKind.TAIL,
    gdb.SIGTRAMP_FRAME: FrameKind.SIGNAL,
}
# Deeper stacks are cut and end in a frame of this name, so that a runaway recursion stays bounded.
DEEPEST = 2000
CUT = "%s %d frames>" % (CUT_BEGINS, DEEPEST)

_Key = Tuple[int, str, int, int, str, int]


class WalkedStack(NamedTuple):
    """Frames innermost first, the arguments of each, and which of the frames are new."""

    frames: List[int]
    arguments: List[Arguments]
    new: List[FrameRecord]


class StackWalker:
    """Numbers frames. A frame is the same when all that its record says of it must be the same: its address,
    function, kind and depth of inlining, and which function it has called and how that one appears."""

    def __init__(self) -> None:
        self._numbers: Dict[_Key, int] = {}
        self._sites = CallClassifier()

    def __len__(self) -> int:
        return len(self._numbers)

    def walk(self, arguments: bool = True) -> WalkedStack:
        """The selected thread's stack, with or without arguments; the user's selected frame stays as it was."""
        stack = WalkedStack([], [], [])
        with selection_kept():
            callee: Optional[gdb.Frame] = None
            frame: Optional[gdb.Frame] = gdb.newest_frame()
            depth = 0  # among frames at one address: functions inlined into each other
            while frame is not None and len(stack.frames) < DEEPEST:
                depth = depth + 1 if callee is not None and callee.pc() == frame.pc() else 0
                self._add(stack, frame, callee, depth, arguments)
                callee, frame = frame, frame.older()
            if frame is not None:
                self._add_cut(stack)
        return stack

    def _add(
        self, stack: WalkedStack, frame: gdb.Frame, callee: Optional[gdb.Frame], depth: int, arguments: bool
    ) -> None:
        name = _name(frame)
        callee_type, callee_name = (callee.type(), _name(callee)) if callee is not None else (-1, "")
        key = (frame.pc(), name, frame.type(), callee_type, callee_name, depth)
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers)
            facts = self._facts(number, name, frame, callee)
            self._numbers[key] = number
            stack.new.append(facts)
        stack.frames.append(number)
        stack.arguments.append(arguments_of(frame) if arguments else [])

    def _add_cut(self, stack: WalkedStack) -> None:
        key = (0, CUT, -1, -1, "", 0)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            stack.new.append(FrameRecord(self._numbers[key], CUT, FrameKind.OTHER, 0))
        stack.frames.append(self._numbers[key])
        stack.arguments.append([])

    def _facts(self, number: int, name: str, frame: gdb.Frame, callee: Optional[gdb.Frame]) -> FrameRecord:
        sal = frame.find_sal()
        library = gdb.solib_name(frame.pc()) or ""
        file = "" if sal.symtab is None else sal.symtab.filename if library else sal.symtab.fullname()
        site = self._sites.between(frame, callee) if callee is not None else None
        return FrameRecord(
            number=number,
            function=name,
            kind=_KINDS.get(frame.type(), FrameKind.OTHER),
            pc=frame.pc(),
            file=file,
            line=sal.line if sal.symtab is not None else 0,
            library=library,
            addressed=_shows_address(frame, callee, sal),
            call=site.kind if site else "",
            instruction=site.instruction if site else "",
            via=list(site.via) if site else [],
        )


def _shows_address(frame: gdb.Frame, callee: Optional[gdb.Frame], sal: gdb.Symtab_and_line) -> bool:
    """Whether `bt` prints the frame's address, as frame_show_address in gdb's stack.c decides it."""
    if sal.symtab is None:
        return True
    if not sal.pc or (callee is not None and callee.type() == gdb.INLINE_FRAME):
        return False  # the line of a call into code inlined here
    if frame.pc() != sal.pc:
        return True
    # At the beginning of a line it depends on whether a statement begins there too, which Python is not told.
    return callee is None and gdb.execute("bt 1", to_string=True).startswith("#0  0x")


def _name(frame: gdb.Frame) -> str:
    return SIGNAL if frame.type() == gdb.SIGTRAMP_FRAME else frame.name() or UNKNOWN_NAME


@contextmanager
def selection_kept() -> Iterator[None]:
    """gdb has one selected thread and frame for everybody: put them back."""
    thread = gdb.selected_thread()
    frame = gdb.selected_frame()
    try:
        yield
    finally:
        if thread is not None and thread.is_valid():
            thread.switch()
        if frame.is_valid():
            frame.select()
