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
        self.halts = False
        self._ioctl_log = IoctlLog(self, None)
        self._waits: List[Callable[[], None]] = []
        self._calls: List[IoctlRecord] = []
        self._returns: Dict[int, IoctlReturnRecord] = {}
        self._started = time.monotonic()
        self._names: Optional[Dict[int, str]] = None

    def start(self) -> None:
        """Record from now on."""
        if self.recording:
            return
        self.recording = True
        gdb.events.exited.connect(self._program_ended)
        self._arm(next_run=False)

    def stop(self) -> None:
        """Record no longer."""
        if self.recording:
            self.recording = False
            gdb.events.exited.disconnect(self._program_ended)
            self._disarm()

    def _arm(self, next_run: bool) -> None:
        self._ioctl_log.forget()
        watch = self._ioctl_log.watch
        self._waits = [when_loaded(name, partial(watch, name), next_run) for name in FUNCTIONS]

    def _disarm(self) -> None:
        for forget in self._waits:
            forget()
        self._ioctl_log.forget()

    def _program_ended(self, _event: gdb.ExitedEvent) -> None:
        """A library may be elsewhere in the next run, and is nowhere when that begins."""
        self._disarm()
        self._arm(next_run=True)

    def clear(self) -> None:
        """Forget what was recorded."""
        self._calls.clear()
        self._returns.clear()

    def lines(self, count: Optional[int]) -> List[str]:
        """The last `count` ioctls in words, or all of them."""
        calls = self._calls if count is None else self._calls[len(self._calls) - min(count, len(self._calls)) :]
        return [self._line(call) for call in calls]

    def _line(self, call: IoctlRecord) -> str:
        returned = self._returns.get(call.number)
        if self._names is None:
            self._names = _request_names()
        name = self._names.get(call.request, hex(call.request))
        result = "?" if returned is None else str(returned.value)
        return "%10.6f  thread %d  ioctl(%d<%s>, %s, 0x%x) = %s" % (
            call.time, call.thread, call.fd, call.file, name, call.argument, result,
        )  # fmt: skip

    def write(self, record: Record) -> None:
        """Take a record of the ledger."""
        if isinstance(record, IoctlRecord):
            self._calls.append(record)
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
