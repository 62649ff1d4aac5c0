"""The ioctl list that `kvm-ioctls` prints: collects the records of the ioctl log during a debugging session."""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import Callable, Dict, List, Optional

import gdb

from gdbscripts.ioctls import FUNCTIONS, IoctlLog
from gdbscripts.kvm_records import IoctlRecord, IoctlReturnRecord
from gdbscripts.plan_breakpoints import when_loaded
from gdbscripts.records import NoteRecord, Record
from gdbscripts.visible import visible

_REQUESTS = os.path.join(os.path.dirname(__file__), os.pardir, "analyzer", "kvm", "requests.toml")
_REQUEST = re.compile(r"^(KVM_\w+)\s*=.*?\bnumber\s*=\s*(0x[0-9a-fA-F]+|\d+)", re.MULTILINE)


class IoctlList:
    """Collects the records of the ioctl log in memory, across runs of the program."""

    def __init__(self) -> None:
        self.recording = False
        self.stop_requested = False
        self._ioctl_log = IoctlLog(self, None)
        self._cancel_waiting: List[Callable[[], None]] = []
        self._ioctls: List[IoctlRecord] = []
        self._returns: Dict[int, IoctlReturnRecord] = {}
        self._started = time.monotonic()
        self._names: Optional[Dict[int, str]] = None

    def start(self) -> None:
        """Start to record ioctls, now or at the next `run`."""
        if self.recording:
            return
        self.recording = True
        gdb.events.exited.connect(self._on_program_exit)
        self._wait_for_functions(next_run=False)

    def stop(self) -> None:
        """Stop recording; the recorded ioctls stay in the list."""
        if self.recording:
            self.recording = False
            gdb.events.exited.disconnect(self._on_program_exit)
            self._remove_breakpoints()

    def _wait_for_functions(self, next_run: bool) -> None:
        self._ioctl_log.reset()
        add_function = self._ioctl_log.add_function
        self._cancel_waiting = [when_loaded(name, partial(add_function, name), next_run) for name in FUNCTIONS]

    def _remove_breakpoints(self) -> None:
        for cancel in self._cancel_waiting:
            cancel()
        self._ioctl_log.reset()

    def _on_program_exit(self, _event: gdb.ExitedEvent) -> None:
        """Wait for the libraries of the next run, because their addresses may differ."""
        self._remove_breakpoints()
        self._wait_for_functions(next_run=True)

    def clear(self) -> None:
        """Delete all recorded ioctls from the list."""
        self._ioctls.clear()
        self._returns.clear()

    def lines(self, count: Optional[int]) -> List[str]:
        """Return one line of text for each of the last `count` ioctls, or for all when `count` is None."""
        ioctls = (
            self._ioctls if count is None else self._ioctls[len(self._ioctls) - min(count, len(self._ioctls)) :]
        )
        return [self._format_ioctl(ioctl) for ioctl in ioctls]

    def _format_ioctl(self, ioctl: IoctlRecord) -> str:
        returned = self._returns.get(ioctl.number)
        if self._names is None:
            self._names = _request_names()
        name = self._names.get(ioctl.request, hex(ioctl.request))
        result = "?" if returned is None else str(returned.value)
        return "%10.6f  thread %d  ioctl(%d<%s>, %s, 0x%x) = %s" % (
            ioctl.time, ioctl.thread, ioctl.fd, ioctl.file, name, ioctl.argument, result,
        )  # fmt: skip

    def write(self, record: Record) -> None:
        """Store one record of the ioctl log; print a note at once."""
        if isinstance(record, IoctlRecord):
            self._ioctls.append(record)
        elif isinstance(record, IoctlReturnRecord):
            self._returns[record.number] = record
        elif isinstance(record, NoteRecord):
            gdb.write(visible("kvm-ioctls: %s\n" % record.text))

    def now(self) -> float:
        """Return the seconds since this list was created."""
        return round(time.monotonic() - self._started, 6)

    def note_thread(self) -> int:
        """Return gdb's number of the selected thread."""
        return int(gdb.selected_thread().num)

    def stack_number(self) -> int:
        """Return no number: `kvm-chain` prints stacks."""
        return -1

    def note_failure(self, error: Exception) -> bool:
        """Print the message of `error` to gdb's standard error; returns True."""
        gdb.write(visible("kvm-ioctls: %s: %s\n" % (type(error).__name__, error)), gdb.STDERR)
        return True


def _request_names() -> Dict[int, str]:
    """Return the request names by request number; empty when requests.toml cannot be read."""
    try:
        with open(_REQUESTS, encoding="utf-8") as file:
            return {int(number, 0): name for name, number in _REQUEST.findall(file.read())}
    except OSError:
        return {}
