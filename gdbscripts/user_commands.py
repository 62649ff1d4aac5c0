"""The user commands of gdb that this folder adds: `kvm-chain`, `kvm-pointer`, `kvm-ioctls`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, List, Optional

import gdb

from gdbscripts.arch.host import current as architecture
from gdbscripts.call_kinds import ARROW_WIDTH, CALL_KINDS, CallKind, arrow_key, call_arrow
from gdbscripts.records import FrameRecord
from gdbscripts.stack import StackWalker
from gdbscripts.visible import visible

if TYPE_CHECKING:
    from gdbscripts.ioctl_list import IoctlList


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
        """Print the chain of the selected thread. Raises GdbError for any argument, or without a stopped
        thread."""
        if argument:
            raise gdb.GdbError("kvm-chain takes no arguments.")
        _require_stopped_thread()
        with _AttSyntax():
            frames = StackWalker().walk(arguments=False).new
        _print_chain(list(reversed(frames)))


def _print_chain(frames: List[FrameRecord]) -> None:
    """Print one line per frame of `frames`, which are outermost first, and the key of the arrows that occur."""
    kinds: List[Optional[CallKind]] = []
    source_root = _common_directory(frames)
    kind: Optional[CallKind] = None
    for frame in frames:
        place = "%s:%d" % (_relative_path(source_root, frame.file), frame.line) if frame.file else frame.library
        _write_frame(kind, frame.function, place)
        kinds.append(kind)
        for position, (name, file, library) in enumerate(frame.via):
            kind = CallKind.TAIL if position else CallKind.DIRECT
            _write_frame(kind, name, "%s  (left no frame)" % (_relative_path(source_root, file) or library))
            kinds.append(kind)
        kind = CallKind(frame.call) if frame.call else None
    if words := arrow_key(kinds):
        gdb.write("Key: %s.\n" % words)


def _common_directory(frames: List[FrameRecord]) -> str:
    """Return the common directory of the program's source files, with a slash at the end; "" when there is
    none."""
    files = [frame.file for frame in frames if frame.file and not frame.library]
    folders = [os.path.dirname(file) for file in files if not file.startswith("/usr/")]  # inlined from headers
    common = os.path.commonpath(folders) if folders and all(map(os.path.isabs, folders)) else ""
    return common + "/" if len(common) > 1 else ""


def _relative_path(source_root: str, file: str) -> str:
    return file[len(source_root) :] if source_root and file.startswith(source_root) else file


def _write_frame(kind: Optional[CallKind], function: str, place: str) -> None:
    gdb.write(visible("%*s %-32s %s\n" % (ARROW_WIDTH, call_arrow(kind), function, place)))


class KvmPointer(gdb.Command):
    """Explain the function pointer through which the selected frame's function was called.
    Usage: kvm-pointer [LEVEL]

    LEVEL is a frame's number, as in `backtrace`; the selected frame by default. Prints the slot the pointer was
    loaded from, with its name and address if the caller's registers still hold them, and how to watch it.

    Examples:
      kvm-pointer        explain the call of the selected frame
      kvm-pointer 3      explain the call of frame 3"""

    def __init__(self) -> None:
        super().__init__("kvm-pointer", gdb.COMMAND_STACK)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Print the explanation of the call of one frame. Raises GdbError when there is no such frame or no
        indirect call."""
        from gdbscripts.pointers.selected_call import explain_call  # imported on demand, so that gdb starts fast

        _require_stopped_thread()
        frame = _frame_at(argument) if argument.strip() else gdb.selected_frame()
        selected = gdb.selected_frame()
        try:
            with _AttSyntax():
                for line in explain_call(frame):
                    gdb.write(visible(line + "\n"))
        finally:
            selected.select()


class KvmIoctls(gdb.Command):
    """Record the ioctls on KVM descriptors, and list them.
    Usage: kvm-ioctls [start | stop | clear | COUNT]

      start   start recording, also before `run`
      stop    stop recording
      clear   delete the recorded ioctls
      COUNT   list the last COUNT ioctls; all of them without an argument"""

    _SUBCOMMANDS = ("start", "stop", "clear")

    def __init__(self) -> None:
        super().__init__("kvm-ioctls", gdb.COMMAND_DATA)
        self._ioctl_list: Optional[IoctlList] = None

    @property
    def _list(self) -> IoctlList:
        if self._ioctl_list is None:
            from gdbscripts.ioctl_list import IoctlList

            self._ioctl_list = IoctlList()
        return self._ioctl_list

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Run the subcommand that `argument` names, or list ioctls. Raises GdbError for another word."""
        word = argument.strip()
        if word == "start":
            self._list.start()
            gdb.write("Recording ioctls on KVM descriptors. List them with kvm-ioctls.\n")
        elif word == "stop":
            self._list.stop()
        elif word == "clear":
            self._list.clear()
        elif not word or word.isdigit():
            self._write_ioctls(int(word) if word else None)
        else:
            raise gdb.GdbError('Undefined kvm-ioctls command: "%s".  Try "help kvm-ioctls".' % word)

    def complete(self, text: str, word: str) -> List[str]:
        """Return the subcommands that start with `text`."""
        return [subcommand for subcommand in self._SUBCOMMANDS if subcommand.startswith(text.strip())]

    def _write_ioctls(self, count: Optional[int]) -> None:
        lines = self._list.lines(count)
        if not lines:
            hint = "" if self._list.recording else " Start with: kvm-ioctls start"
            gdb.write("No ioctl was recorded.%s\n" % hint)
        for line in lines:
            gdb.write(visible(line + "\n"))


def _require_stopped_thread() -> None:
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


class _AttSyntax:
    """Sets the disassembly flavor that these scripts parse, and restores the user's flavor at the end."""

    def __enter__(self) -> None:
        self._previous_flavor = str(gdb.parameter("disassembly-flavor"))
        gdb.execute("set disassembly-flavor " + architecture.DISASSEMBLY)

    def __exit__(self, *_: object) -> None:
        gdb.execute("set disassembly-flavor " + self._previous_flavor)


def register() -> None:
    """Register the user commands with gdb."""
    KvmChain()
    KvmPointer()
    KvmIoctls()
