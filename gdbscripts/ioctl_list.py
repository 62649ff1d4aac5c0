"""The ioctl list that `kvm-ioctls` prints: collects the records of the ioctl log during a debugging session."""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import Callable, Dict, List, Optional

import gdb

from gdbscripts.ioctls import FUNCTIONS, IoctlLog
from gdbscripts.plan_breakpoints import when_loaded
from gdbscripts.records import IoctlRecord, IoctlReturnRecord, NoteRecord, Record

_REQUESTS = os.path.join(os.path.dirname(__file__), os.pardir, "analyzer", "kvm", "requests.toml")
_REQUEST = re.compile(r"^(KVM_\w+)\s*=.*?\bnumber\s*=\s*(0x[0-9a-fA-F]+|\d+)", re.MULTILINE)


class IoctlList:
    """Collects the ledger's records while somebody debugs."""

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
        """Record from now on."""
        if self.recording:
            return
        self.recording = True
        gdb.events.exited.connect(self._on_program_exit)
        self._wait_for_functions(next_run=False)

    def stop(self) -> None:
        """Record no longer."""
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
        """A library may be elsewhere in the next run, and is nowhere when that begins."""
        self._remove_breakpoints()
        self._wait_for_functions(next_run=True)

    def clear(self) -> None:
        """Forget what was recorded."""
        self._ioctls.clear()
        self._returns.clear()

    def lines(self, count: Optional[int]) -> List[str]:
        """The last `count` ioctls in words, or all of them."""
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
        """Take a record of the ledger."""
        if isinstance(record, IoctlRecord):
            self._ioctls.append(record)
        elif isinstance(record, IoctlReturnRecord):
            self._returns[record.number] = record
        elif isinstance(record, NoteRecord):
            gdb.write("kvm-ioctls: %s\n" % record.text)

    def now(self) -> float:
        """Seconds since gdb was started."""
        return round(time.monotonic() - self._started, 6)

    def note_thread(self) -> int:
        """gdb's number of the selected thread."""
        return int(gdb.selected_thread().num)

    def stack_numbers(self) -> List[int]:
        """No stacks here: kvm-chain shows them."""
        return []

    def note_failure(self, error: Exception) -> bool:
        """Tell the user."""
        gdb.write("kvm-ioctls: %s: %s\n" % (type(error).__name__, error), gdb.STDERR)
        return True


def _request_names() -> Dict[int, str]:
    """Names of requests by number; none when the table is not there."""
    try:
        with open(_REQUESTS, encoding="utf-8") as file:
            return {int(number, 0): name for name, number in _REQUEST.findall(file.read())}
    except OSError:
        return {}
