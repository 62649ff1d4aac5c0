"""Gives each frame a number, and makes its record as gdb's `bt` shows it."""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

import gdb

from gdbscripts.call_instructions import CallClassifier
from gdbscripts.definitions import file_of_frame, file_of_symbol, file_of_symtab
from gdbscripts.enums import FrameKind
from gdbscripts.records import SIGNAL, UNKNOWN_NAME, FrameRecord
from gdbscripts.tail_calls import symbol_at

_KINDS = {
    gdb.NORMAL_FRAME: FrameKind.NORMAL,
    gdb.INLINE_FRAME: FrameKind.INLINE,
    gdb.TAILCALL_FRAME: FrameKind.TAIL,
    gdb.SIGTRAMP_FRAME: FrameKind.SIGNAL,
}

_Key = Tuple[int, str, int, int, str, int]


class FrameNumbers:
    """Assigns numbers to frames, from 0.

    Two frames have one number when all fields of their records must be equal: address, function, frame type, depth
    of inlining, and the name and frame type of the called function. `elided` are the frames between which and the
    next inner one there are elided frames.
    """

    def __init__(self) -> None:
        self._numbers: Dict[_Key, int] = {}
        self._classifier = CallClassifier()
        self._new: List[FrameRecord] = []
        self.elided: Set[int] = set()

    def __len__(self) -> int:
        return len(self._numbers)

    def take_new(self) -> List[FrameRecord]:
        """Return the records of the frames that got a number since the last call."""
        new, self._new = self._new, []
        return new

    def number_of(self, frame: gdb.Frame, callee: Optional[gdb.Frame], depth: int) -> int:
        """Return the number of `frame`, which called `callee`.

        `depth` is that among frames with one pc: functions inlined into each other.
        """
        name = name_of(frame)
        callee_type, callee_name = (callee.type(), name_of(callee)) if callee is not None else (-1, "")
        key = (frame.pc(), name, frame.type(), callee_type, callee_name, depth)
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers)
            record = self._frame_record(number, name, frame, callee)
            self._new.append(record)
            if record.via:
                self.elided.add(number)
            self._numbers[key] = number
        return number

    def number_of_cut(self, name: str) -> int:
        """Return the number of the frame that replaces all omitted frames."""
        key = (0, name, -1, -1, "", 0)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._new.append(FrameRecord(self._numbers[key], name, FrameKind.OTHER, 0))
        return self._numbers[key]

    def _frame_record(self, number: int, name: str, frame: gdb.Frame, callee: Optional[gdb.Frame]) -> FrameRecord:
        sal = frame.find_sal()
        library = gdb.solib_name(frame.pc()) or ""
        file = "" if sal.symtab is None else file_of_symtab(sal.symtab, library)
        defined_in = _definition_file(frame, library)
        call = self._classifier.classify_call(frame, callee) if callee is not None else None
        return FrameRecord(
            number=number,
            function=name,
            kind=_KINDS.get(frame.type(), FrameKind.OTHER),
            pc=frame.pc(),
            file=file,
            line=sal.line if sal.symtab is not None else 0,
            library=library,
            addressed=_shows_address(frame, callee, sal),
            call=call.kind if call else "",
            instruction=call.instruction if call else "",
            via=list(call.via) if call else [],
            defined_in=None if defined_in == file else defined_in,
        )


def _definition_file(frame: gdb.Frame, library: str) -> str:
    if frame.function() is not None:
        return file_of_frame(frame, library)
    inside = frame.pc() - 1 if frame.level() else frame.pc()
    symbol = symbol_at(inside) if inside > 0 else None  # pc 0: the outermost frame of a coroutine or thread
    return file_of_symbol(inside - symbol[1], library) if symbol is not None else ""


def _shows_address(frame: gdb.Frame, callee: Optional[gdb.Frame], sal: gdb.Symtab_and_line) -> bool:
    """Return whether `bt` prints the address of the frame, by the rule of frame_show_address in gdb's stack.c."""
    if sal.symtab is None:
        return True
    if not sal.pc or (callee is not None and callee.type() == gdb.INLINE_FRAME):
        return False  # gdb prints the line of the inlined call instead
    if frame.pc() != sal.pc:
        return True
    # At the start of a line it depends on is_stmt of the line table, which gdb's Python API does not show.
    return callee is None and gdb.execute("bt 1", to_string=True).startswith("#0  0x")


def name_of(frame: gdb.Frame) -> str:
    """Return the name of the frame's function as recordings have it."""
    return SIGNAL if frame.type() == gdb.SIGTRAMP_FRAME else frame.name() or UNKNOWN_NAME
