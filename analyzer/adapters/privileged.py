"""The unprivileged side of `privileged_server.py`: starts that process, and asks it."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType

from analyzer.adapters.tracefs import trace_lines
from analyzer.adapters.uprobes import Place
from analyzer.errors import AnalyzerError


class PrivilegedHelper:
    """A process that keeps the privileges of this one; started before they are given up."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._connection, self._pid = connection, pid
        self._asking = threading.Lock()  # the kernel trace is made and removed in threads of their own

    @classmethod
    def start(cls, uid: int) -> PrivilegedHelper:
        """Fork the helper of user `uid`. This process must have one thread."""
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                ours.close()
                _serve(theirs, uid)
            finally:
                os._exit(0)
        theirs.close()
        return cls(ours, pid)

    def ask(self, verb: str, *arguments: object) -> object:
        """The value of the answer, or its descriptor where it has one. AnalyzerError when the helper refuses."""
        request = f"{verb} {json.dumps(arguments)}\n".encode("ascii")
        with self._asking:
            try:
                self._connection.sendall(request)
                line, descriptors = self._receive()
            except OSError as error:
                raise AnalyzerError(f"The privileged process has ended: {error.strerror}.", "Try again.") from None
        kind, _, value = line.partition(b" ")
        answer = json.loads(value or b"null")
        if kind != b"ok":
            message, hint = answer or ("The privileged process has ended.", "Try again.")
            raise AnalyzerError(message, hint)
        return descriptors[0] if descriptors else answer

    def _receive(self) -> tuple[bytes, list[int]]:
        line, descriptors = b"", list[int]()
        while not line.endswith(b"\n"):
            data, received, _, _ = socket.recv_fds(self._connection, 1 << 16, 1)
            descriptors += received
            if not data:
                break
            line += data
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return line, descriptors

    def open_event(self, attributes: bytes, tid: int, processor: int) -> int:
        """As `perf_events.open_event`."""
        return _number(self.ask("event", attributes.hex(), tid, processor))

    def close(self) -> None:
        """Let the helper remove what it made, and wait for its end."""
        self._connection.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _serve(connection: socket.socket, uid: int) -> None:
    """The life of the helper: signals to the terminal's processes do not reach it, it prints nothing."""
    from analyzer.adapters.privileged_server import PrivilegedServer

    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    PrivilegedServer(uid).serve(connection)


class RemoteTrace:
    """As `TracefsInstance`, of the privileged helper."""

    def __init__(self, helper: PrivilegedHelper) -> None:
        self._helper = helper
        helper.ask("trace")

    def follow(self, pid: int) -> None:
        """Trace all threads of process `pid` and those they create. AnalyzerError when it is not the user's."""
        self._helper.ask("follow", pid)

    def stop(self) -> None:
        """Stop tracing; what is recorded stays readable."""
        self._helper.ask("stop")

    def read(self) -> Iterator[str]:
        """The lines of the file `trace`, with line ends, ordered by time."""
        yield from trace_lines(_number(self._helper.ask("read")))

    @property
    def lost(self) -> int:
        """The number of events and stacks that were lost because the buffers were full."""
        return _number(self._helper.ask("lost"))

    def close(self) -> None:
        """Remove the instance; a second call does nothing."""
        self._helper.ask("remove")


class RemoteDefinitions:
    """As `UprobeDefinitions`, of the privileged helper."""

    def __init__(self, helper: PrivilegedHelper) -> None:
        self._helper = helper
        helper.ask("probes")

    def __enter__(self) -> RemoteDefinitions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._helper.ask("undefine")

    def define(self, places: Sequence[Place], arguments: str = "") -> list[int]:
        """Define a uprobe at each place; returns the ids of their tracepoints."""
        ids = self._helper.ask("define", [list(place) for place in places], arguments)
        assert isinstance(ids, list)
        return ids

    def tracepoint(self, name: str) -> int | None:
        """The id of a tracepoint of the kernel; None when it has none."""
        number = self._helper.ask("tracepoint", name)
        return None if number is None else _number(number)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


_helper: list[PrivilegedHelper] = []  # of this process: its ids are changed as a whole, too


def start_helper(uid: int) -> PrivilegedHelper:
    """Start the helper of this process; `current_helper` returns it until `end_helper`."""
    helper = PrivilegedHelper.start(uid)
    _helper.append(helper)
    return helper


def current_helper() -> PrivilegedHelper | None:
    """The helper, when this process has given up its privileges."""
    return _helper[-1] if _helper else None


def end_helper() -> None:
    """End the helper, when there is one."""
    while _helper:
        _helper.pop().close()
