"""The process that stays privileged when gdb, QEMU and the rest of this program run as a user.

It answers requests on a socket, one line each: a verb, a space, a JSON list of arguments. The answer is `ok` and a
JSON value, or `error` and a list of message and hint; a file descriptor goes along with the answer (SCM_RIGHTS).

| verb | arguments | answer |
|---|---|---|
| `trace` | | makes an instance of tracefs |
| `follow` | process id | traces a process of the user |
| `stop`, `remove` | | stops the trace; removes the instance |
| `lost` | | number of events lost |
| `read` | | a descriptor of the file `trace` |
| `probes` | | prepares uprobes |
| `define` | list of path and offset, what to fetch | ids of the tracepoints |
| `tracepoint` | name | its id, null for none |
| `undefine` | | removes the uprobes |
| `event` | attributes in hexadecimal, thread, processor | a descriptor of perf_event_open(2) |

It trusts the user no more than the kernel would: threads must be the user's, and tracepoints those that this
process has defined or named. When the socket ends, however the other side ends, all is removed.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from analyzer.adapters.perf_events import event_kind, open_event
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.adapters.uprobes import Place, UprobeDefinitions
from analyzer.errors import AnalyzerError

Answer = tuple[object, int]  # a JSON value, a descriptor that is passed along and closed here, -1 for none
_MAX_LINE = 1 << 24  # bytes of a request
_TRACEPOINT = re.compile(r"(?:kvm|syscalls)/\w+")
_FETCH = re.compile(r"[\w%+:()$,= -]*")  # of uprobetracer.rst: no line end, which would begin another definition


class PrivilegedServer:
    """Answers the requests of a process of user `uid`, until its end."""

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self._trace: TracefsInstance | None = None
        self._definitions: UprobeDefinitions | None = None
        self._tracepoints: set[int] = set()  # ids that `event` may open
        self._verbs: dict[str, Callable[..., Answer]] = {
            "trace": self._make_trace, "follow": self._follow, "stop": self._stop, "lost": self._lost,
            "read": self._read, "remove": self._remove, "probes": self._probes, "define": self._define,
            "tracepoint": self._tracepoint, "undefine": self._undefine, "event": self._event,
        }  # fmt: skip

    def serve(self, connection: socket.socket) -> None:
        """Answer until the other side closes its end; then remove what is left."""
        try:
            with connection.makefile("rb") as requests:
                while (line := requests.readline(_MAX_LINE)).endswith(b"\n"):
                    self._reply(connection, line)
        finally:
            self._remove()
            self._undefine()

    def _reply(self, connection: socket.socket, line: bytes) -> None:
        text, descriptor = self.answer(line.decode("utf-8", "replace"))
        try:
            descriptors = [] if descriptor < 0 else [descriptor]
            data = text.encode("ascii") + b"\n"
            sent = socket.send_fds(connection, [data], descriptors) if descriptors else 0
            connection.sendall(data[sent:])
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def answer(self, line: str) -> tuple[str, int]:
        """The answer to one request, without line end, and the descriptor that goes along, -1 for none."""
        verb, _, rest = line.strip().partition(" ")
        try:
            arguments = json.loads(rest or "[]")
            if verb not in self._verbs or not isinstance(arguments, list):
                raise ValueError("unknown request")
            value, descriptor = self._verbs[verb](*arguments)
        except AnalyzerError as error:
            return f"error {json.dumps([error.message, error.hint])}", -1
        except OSError as error:
            return f"error {json.dumps([f'The kernel refuses: {error.strerror}.', ''])}", -1
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return f"error {json.dumps([f'The request {verb[:20]!r} is not answered: {error}.', ''])}", -1
        return f"ok {json.dumps(value)}", descriptor

    def _make_trace(self) -> Answer:
        self._remove()
        self._trace = TracefsInstance.open()
        return None, -1

    def _opened(self) -> TracefsInstance:
        if self._trace is None:
            raise ValueError("there is no trace")
        return self._trace

    def _follow(self, pid: int) -> Answer:
        self._check_owned(pid)
        self._opened().follow(pid)
        return None, -1

    def _stop(self) -> Answer:
        self._opened().stop()
        return None, -1

    def _lost(self) -> Answer:
        return self._opened().lost, -1

    def _read(self) -> Answer:
        return None, self._opened().open_trace()

    def _remove(self) -> Answer:
        if self._trace is not None:
            self._trace.close()
            self._trace = None
        return None, -1

    def _probes(self) -> Answer:
        self._undefine()
        self._definitions = UprobeDefinitions.open()
        return None, -1

    def _defining(self) -> UprobeDefinitions:
        if self._definitions is None:
            raise ValueError("no probes are prepared")
        return self._definitions

    def _define(self, places: list[tuple[str, int]], fetch: str) -> Answer:
        if not _FETCH.fullmatch(fetch):
            raise ValueError("the arguments of a probe have other characters than those of a register or memory")
        ids = self._defining().define([Place(str(path), int(offset)) for path, offset in places], fetch)
        self._tracepoints |= set(ids)
        return ids, -1

    def _tracepoint(self, name: str) -> Answer:
        if not _TRACEPOINT.fullmatch(name):
            raise ValueError("it is no tracepoint of KVM or of system calls")
        number = self._defining().tracepoint(name)
        if number is not None:
            self._tracepoints.add(number)
        return number, -1

    def _undefine(self) -> Answer:
        if self._definitions is not None:
            self._definitions.close()
            self._definitions = None
        return None, -1

    def _event(self, attributes: str, tid: int, processor: int) -> Answer:
        packed = bytes.fromhex(attributes)
        tracepoint = event_kind(packed)
        if tracepoint is not None and tracepoint not in self._tracepoints:
            raise ValueError("it is no tracepoint of this run")
        self._check_owned(tid)
        return None, open_event(packed, tid, int(processor))

    def _check_owned(self, tid: object) -> None:
        """Raise ValueError unless the thread belongs to the user, and the kernel would let him read its memory."""
        if type(tid) is int and tid > 0:
            with suppress(OSError):
                if Path(f"/proc/{tid}").stat().st_uid == self._uid:
                    return
        raise ValueError("the thread belongs to another user")
