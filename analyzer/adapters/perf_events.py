"""Samples tracepoints through perf_event_open(2), with the registers and the stack of the thread at each hit.

The thread that hits a tracepoint is not stopped: the kernel copies its registers and the innermost bytes of its
stack into a ring buffer. An event belongs to a file descriptor, so that nothing is left when this process ends.
The layouts are those of linux/perf_event.h.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from analyzer.adapters.perf_records import Event, RingBuffer, Sources
from analyzer.adapters.tracefs import CONTAINER_HINT, ROOT_HINT
from analyzer.adapters.uprobes import OTHER_ENGINE
from analyzer.errors import AnalyzerError

_PERF_EVENT_OPEN = 298  # x86-64: asm/unistd_64.h
_CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC
_PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
_SOFTWARE, _TRACEPOINT, _DUMMY = 1, 2, 9  # PERF_TYPE_…, PERF_COUNT_SW_DUMMY
# PERF_EVENT_IOC_…
_SET_OUTPUT, _ENABLE, _DISABLE, _ID = 0x2405, 0x2400, 0x2401, 0x80082407

_ATTRIBUTES = struct.Struct("<IIQQQQQIIQQQQIiQIHH")  # struct perf_event_attr up to PERF_ATTR_SIZE_VER5
_DISABLED, _INHERIT, _MMAP, _COMM, _ENABLE_ON_EXEC, _TASK = 1 << 0, 1 << 1, 1 << 8, 1 << 9, 1 << 12, 1 << 13
_WATERMARK, _MMAP2, _COMM_EXEC, _USE_CLOCK = 1 << 14, 1 << 23, 1 << 24, 1 << 25
# PERF_SAMPLE_…
_TID, _TIME, _RAW, _REGISTERS, _STACK, _IDENTIFIER = 1 << 1, 1 << 2, 1 << 10, 1 << 12, 1 << 13, 1 << 16
# asm/perf_regs.h; a sample has them in this order: rax, rdx, rsi, rdi, rbp, rsp, rip
_REGISTER_MASK = sum(1 << number for number in (0, 3, 4, 5, 6, 7, 8))
_MONOTONIC = 1  # CLOCK_MONOTONIC, as time.monotonic()
_LEAST_STACK = 8  # bytes; the kernel refuses 0
_WATERMARK_BYTES = 1 << 18  # in a buffer, until poll(2) reports it
_IDENTIFIER_BYTES = 8
EventOpener = Callable[[bytes, int, int], int]  # see `open_event`


@dataclass(frozen=True)
class Tracepoint:
    """A tracepoint to sample: its `id` of tracefs, and whether its hits have the stack and its fields."""

    id: int
    with_stack: bool = True
    with_fields: bool = False


@dataclass(frozen=True)
class _Attributes:
    """The attributes of an event: those of `tracepoint`, or for None of the event that tells about threads."""

    tracepoint: Tracepoint | None
    stack_size: int
    enable_on_exec: bool
    watermark: int

    def pack(self) -> bytes:
        """The content of struct perf_event_attr."""
        tracepoint = self.tracepoint
        flags = _DISABLED | _INHERIT | _USE_CLOCK | _WATERMARK | (_ENABLE_ON_EXEC if self.enable_on_exec else 0)
        if tracepoint is None:
            flags |= _MMAP | _MMAP2 | _COMM | _COMM_EXEC | _TASK
            kind, config = _SOFTWARE, _DUMMY
        else:
            kind, config = _TRACEPOINT, tracepoint.id
        sample = _IDENTIFIER | _TID | _TIME | _REGISTERS | _STACK
        if tracepoint is not None and tracepoint.with_fields:
            sample |= _RAW
        stack = self.stack_size if tracepoint is not None and tracepoint.with_stack else _LEAST_STACK
        return _ATTRIBUTES.pack(
            kind, _ATTRIBUTES.size, config, 1, sample, 0, flags, self.watermark,
            0, 0, 0, 0, _REGISTER_MASK, stack, _MONOTONIC, 0, 0, 0, 0,
        )  # fmt: skip


class TraceEvents:
    """Tracepoints in threads, and in those that they create, with one ring buffer for each processor.

    What a process does that they fork is left out. A context manager. `tids`: the threads, the first of their
    process among them. `stack_size`: bytes of the stack that a hit has, a multiple of 8.
    `buffer_size`: bytes of each ring buffer, a power of two. `lost`: hits that did not fit into the buffers.
    `opener`: opens an event in place of `open_event`, in a process that may.
    Raises AnalyzerError when the kernel refuses.
    """

    def __init__(
        self,
        tids: Sequence[int],
        tracepoints: Sequence[Tracepoint],
        stack_size: int,
        buffer_size: int,
        enable_on_exec: bool,
        opener: EventOpener | None = None,
    ) -> None:
        self._processes = frozenset([*tids, None])
        self._opener = opener or open_event
        self._descriptors: list[int] = []
        self._sources: Sources = {}
        self._buffers: list[RingBuffer] = []
        self.lost = 0
        try:
            self._open_all(tids, tracepoints, stack_size, buffer_size, enable_on_exec)
        except BaseException:
            self.close()
            raise

    def _open_all(
        self,
        tids: Sequence[int],
        tracepoints: Sequence[Tracepoint],
        stack_size: int,
        buffer_size: int,
        enable_on_exec: bool,
    ) -> None:
        processors = _online_processors()
        _allow_descriptors(len(processors) * len(tids) * (len(tracepoints) + 1))
        watermark = min(_WATERMARK_BYTES, buffer_size // 4)
        for processor in processors:
            leader = -1
            for tid in tids:
                about_threads = self._open(
                    _Attributes(None, stack_size, enable_on_exec, watermark), tid, processor
                )
                if leader < 0:
                    leader = about_threads
                    try:
                        self._buffers.append(RingBuffer(leader, buffer_size))
                    except OSError as error:
                        raise _refusal(error) from None
                else:
                    fcntl.ioctl(about_threads, _SET_OUTPUT, leader)
                for number, tracepoint in enumerate(tracepoints):
                    attributes = _Attributes(tracepoint, stack_size, enable_on_exec, watermark)
                    descriptor = self._open(attributes, tid, processor)
                    identifier = fcntl.ioctl(descriptor, _ID, bytes(_IDENTIFIER_BYTES))
                    self._sources[int.from_bytes(identifier, "little")] = number, tracepoint.with_fields
                    fcntl.ioctl(descriptor, _SET_OUTPUT, leader)

    def _open(self, attributes: _Attributes, tid: int, processor: int) -> int:
        descriptor = self._opener(attributes.pack(), tid, processor)
        self._descriptors.append(descriptor)
        return descriptor

    def __enter__(self) -> TraceEvents:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def enable(self) -> None:
        """Let all probes hit; with `enable_on_exec` the kernel does it."""
        for descriptor in self._descriptors:
            fcntl.ioctl(descriptor, _ENABLE)

    def disable(self) -> None:
        """Let no probe hit any more; `read` still returns what is in the buffers."""
        for descriptor in self._descriptors:
            with suppress(OSError):
                fcntl.ioctl(descriptor, _DISABLE)

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that poll(2) reports as readable when a buffer has much to read."""
        return [buffer.descriptor for buffer in self._buffers]

    def read(self) -> Iterator[Event]:
        """The events that are in the buffers now: in order for each processor, one processor after the other."""
        for buffer in self._buffers:
            for record in buffer.read(self._sources, self._processes):
                if isinstance(record, int):
                    self.lost += record
                else:
                    yield record

    def close(self) -> None:
        """Remove all probes."""
        for buffer in self._buffers:
            buffer.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._buffers.clear()
        self._descriptors.clear()


def event_kind(attributes: bytes) -> int | None:
    """The tracepoint that the packed attributes name; None for the event that tells about threads.

    ValueError for any other event.
    """
    if len(attributes) != _ATTRIBUTES.size:
        raise ValueError("the attributes of the event have another size")
    kind, size, config = _ATTRIBUTES.unpack(attributes)[:3]
    if size != _ATTRIBUTES.size or ((kind, config) != (_SOFTWARE, _DUMMY) and kind != _TRACEPOINT):
        raise ValueError("it is no event of a recording")
    return int(config) if kind == _TRACEPOINT else None


def open_event(attributes: bytes, tid: int, processor: int) -> int:
    """Open one event of the thread `tid` on a processor; returns its descriptor.

    AnalyzerError when the kernel refuses.
    """
    packed = ctypes.create_string_buffer(attributes, len(attributes))
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    arguments = (ctypes.c_long(number) for number in (tid, processor, -1, _CLOSE_ON_EXEC))
    descriptor = int(library.syscall(ctypes.c_long(_PERF_EVENT_OPEN), packed, *arguments))
    if descriptor < 0:
        code = ctypes.get_errno()
        raise _refusal(OSError(code, os.strerror(code)))
    return descriptor


def _refusal(error: OSError) -> AnalyzerError:
    if error.errno in (errno.EPERM, errno.EACCES):
        with suppress(OSError):
            paranoid = _PARANOID.read_text(encoding="ascii").strip()
            return AnalyzerError(
                f"This process may not set uprobes (kernel.perf_event_paranoid is {paranoid}).",
                f"{ROOT_HINT} {CONTAINER_HINT} {OTHER_ENGINE}",
            )
    if error.errno == errno.EMFILE:
        return AnalyzerError(
            "The probes need more file descriptors than are allowed.", "Raise it: ulimit -n 65536"
        )
    return AnalyzerError(f"The kernel refuses a probe: {error.strerror}.", OTHER_ENGINE)


def _online_processors() -> list[int]:
    """The processors of /sys/devices/system/cpu/online, such as `0-3,8`."""
    found: list[int] = []
    for part in Path("/sys/devices/system/cpu/online").read_text(encoding="ascii").strip().split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def _allow_descriptors(count: int) -> None:
    """Raise the soft limit of open files to what `count` more need, as far as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 256:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 256, hard), hard))
