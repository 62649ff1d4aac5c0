"""Commands for people who debug by hand: `kvm-chain`, `kvm-pointer`, `kvm-ioctls`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, List, Optional

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.call_kinds import ARROW_WIDTH, CALL_KINDS, CallKind, arrow_key, call_arrow
from gdbscripts.records import FrameRecord
from gdbscripts.stack import StackWalker

if TYPE_CHECKING:
    from gdbscripts.pointers.selected_call import IoctlPrinter


_RECORDED_KINDS = (
    CallKind.DIRECT, CallKind.INDIRECT, CallKind.TAIL, CallKind.INLINE, CallKind.SIGNAL,
    CallKind.UNKNOWN,
)  # fmt: skip


class KvmChain(gdb.Command):
    __doc__ = """Print the call chain of the selected thread, outermost function first.
    Usage: kvm-chain

    The arrow in front of a function is the kind of the call that leads to it:
%s
    See kvm-pointer for calls through a pointer. A function that left no frame, because of a tail call, is shown
    where the call instruction names it.""" % "\n".join(
        "      %-2s  %s" % (CALL_KINDS[kind].arrow, CALL_KINDS[kind].label) for kind in _RECORDED_KINDS
    )

    def __init__(self) -> None:
        super().__init__("kvm-chain", gdb.COMMAND_STACK)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Print the chain."""
        if argument:
            raise gdb.GdbError("kvm-chain takes no arguments.")
        _need_stack()
        with _at_and_t():
            frames = StackWalker().walk(arguments=False).new
        _print_chain(list(reversed(frames)))


def _print_chain(frames: List[FrameRecord]) -> None:
    """Frames outermost first, and the key of the arrows that occur."""
    kinds: List[Optional[CallKind]] = []
    root = _common_folder(frames)
    kind: Optional[CallKind] = None
    for frame in frames:
        place = "%s:%d" % (_below(root, frame.file), frame.line) if frame.file else frame.library
        _line(kind, frame.function, place)
        kinds.append(kind)
        for position, (name, file, library) in enumerate(frame.via):
            kind = CallKind.TAIL if position else CallKind.DIRECT
            _line(kind, name, "%s  (left no frame)" % (_below(root, file) or library))
            kinds.append(kind)
        kind = CallKind(frame.call) if frame.call else None
    if words := arrow_key(kinds):
        gdb.write("Key: %s.\n" % words)


def _common_folder(frames: List[FrameRecord]) -> str:
    """What the paths of all source files begin with, up to a slash."""
    files = [frame.file for frame in frames if frame.file and not frame.library]
    folders = [os.path.dirname(file) for file in files if not file.startswith("/usr/")]  # inlined from headers
    common = os.path.commonpath(folders) if folders and all(map(os.path.isabs, folders)) else ""
    return common + "/" if len(common) > 1 else ""


def _below(root: str, file: str) -> str:
    return file[len(root) :] if root and file.startswith(root) else file


def _line(kind: Optional[CallKind], function: str, place: str) -> None:
    gdb.write("%*s %-32s %s\n" % (ARROW_WIDTH, call_arrow(kind), function, place))


class KvmPointer(gdb.Command):
    """Explain the function pointer through which the selected frame's function was called.
    Usage: kvm-pointer [LEVEL]

    LEVEL is a frame's number, as in `backtrace`; the selected frame by default. Prints the slot the pointer was
    read from, by name and address, as far as the caller's registers and memory still tell, and how to watch it.

    Examples:
      kvm-pointer        who is pointed to here, and from where?
      kvm-pointer 3      the same for frame 3"""

    def __init__(self) -> None:
        super().__init__("kvm-pointer", gdb.COMMAND_STACK)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Print the explanation."""
        from gdbscripts.pointers.selected_call import explain_call  # not before: gdb is to be ready soon

        _need_stack()
        frame = _frame_at(argument) if argument.strip() else gdb.selected_frame()
        selected = gdb.selected_frame()
        try:
            with _at_and_t():
                for line in explain_call(frame):
                    gdb.write(line + "\n")
        finally:
            selected.select()


class KvmIoctls(gdb.Command):
    """Record the ioctls on KVM's descriptors, and list them.
    Usage: kvm-ioctls [start | stop | clear | COUNT]

      start   record from now on; also before `run`
      stop    record no longer
      clear   forget what was recorded
      COUNT   list the last COUNT; without an argument all of them"""

    _WORDS = ("start", "stop", "clear")

    def __init__(self) -> None:
        super().__init__("kvm-ioctls", gdb.COMMAND_DATA)
        self._started: Optional[IoctlPrinter] = None

    @property
    def _log(self) -> IoctlPrinter:
        if self._started is None:
            from gdbscripts.pointers.selected_call import IoctlPrinter

            self._started = IoctlPrinter()
        return self._started

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Do what the argument says."""
        word = argument.strip()
        if word == "start":
            self._log.start()
            gdb.write("Ioctls on KVM's descriptors are recorded. List them with kvm-ioctls.\n")
        elif word == "stop":
            self._log.stop()
        elif word == "clear":
            self._log.clear()
        elif not word or word.isdigit():
            self._list(int(word) if word else None)
        else:
            raise gdb.GdbError('Undefined kvm-ioctls command: "%s".  Try "help kvm-ioctls".' % word)

    def complete(self, text: str, word: str) -> List[str]:
        """The words that begin like this."""
        return [known for known in self._WORDS if known.startswith(text.strip())]

    def _list(self, count: Optional[int]) -> None:
        lines = self._log.lines(count)
        if not lines:
            hint = "" if self._log.recording else " Start with: kvm-ioctls start"
            gdb.write("No ioctl was recorded.%s\n" % hint)
        for line in lines:
            gdb.write(line + "\n")


def _need_stack() -> None:
    if gdb.selected_thread() is None or not gdb.selected_thread().is_valid():
        raise gdb.GdbError("No stack.")
    if gdb.selected_thread().is_running():
        raise gdb.GdbError("Selected thread is running.")


def _frame_at(argument: str) -> gdb.Frame:
    if not re.fullmatch(r"\s*\d+\s*", argument):
        raise gdb.GdbError('No frame "%s": kvm-pointer takes the number of a frame.' % argument.strip())
    frame: Optional[gdb.Frame] = gdb.newest_frame()
    for _ in range(int(argument)):
        if frame is None:
            break
        frame = frame.older()
    if frame is None:
        raise gdb.GdbError("No frame at level %s." % argument.strip())
    return frame


class _at_and_t:  # noqa: N801 - reads as what it does
    """The machine code is read in this flavour; the user's own comes back afterwards."""

    def __enter__(self) -> None:
        self._before = str(gdb.parameter("disassembly-flavor"))
        gdb.execute("set disassembly-flavor " + architecture.DISASSEMBLY)

    def __exit__(self, *_: object) -> None:
        gdb.execute("set disassembly-flavor " + self._before)


def register() -> None:
    """Make the commands known to gdb."""
    KvmChain()
    KvmPointer()
    KvmIoctls()
