"""Reads the ring buffers of perf_event_open(2): hits of tracepoints, threads, and files that are mapped.

The layouts are those of linux/perf_event.h, for the attributes that `perf_events.py` asks for.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = struct.Struct("<IHH").unpack_from
_HEADER_SIZE = 8
_SAMPLE = struct.Struct("<QIIQ")  # identifier, pid, tid, time
_USER = struct.Struct("<Q7QQ")  # ABI, registers, size of the stack
_HEAD, _TAIL = 1024, 1032  # of struct perf_event_mmap_page
_RECORD_LOST, _RECORD_COMM, _RECORD_FORK, _RECORD_SAMPLE, _RECORD_MMAP2, _RECORD_LOST_SAMPLES = 2, 3, 7, 9, 10, 13
_EXECUTES = 1 << 13  # PERF_RECORD_MISC_COMM_EXEC
_POSITION = struct.Struct("<Q")


class Hit(NamedTuple):
    """One hit of a tracepoint; `source` is its position among those that were opened.

    `time` is in nanoseconds; the registers are those in user space, also at a tracepoint of the kernel. `stack`
    has the bytes from the stack pointer upwards, `fields` the fields of a tracepoint that is opened with them.
    """

    source: int
    pc: int
    tid: int
    time: int
    rax: int
    rdx: int
    rsi: int
    rdi: int
    rbp: int
    rsp: int
    stack: bytes | memoryview
    fields: bytes = b""


class ThreadStart(NamedTuple):
    """The thread `parent` created the thread `tid` of the same process."""

    tid: int
    parent: int
    time: int


class ThreadName(NamedTuple):
    """The thread `tid` has this name; `executes`: it executes a program."""

    tid: int
    name: str
    executes: bool


class Mapping(NamedTuple):
    """A file was mapped with code: its first address, size in bytes, offset in the file, and path."""

    start: int
    size: int
    offset: int
    file: str


Sources = dict[int, tuple[int, bool]]  # identifier -> position of the tracepoint, whether it has fields
Event = Hit | ThreadStart | ThreadName | Mapping


class RingBuffer:
    """The ring buffer of one processor: a page with positions, then the records. OSError when there is no memory.

    `descriptor` is that of its first event; `size` in bytes.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self._size = size
        self._memory = mmap.mmap(descriptor, mmap.PAGESIZE + size)

    def read(self, sources: Sources, processes: frozenset[int | None]) -> Iterator[Event | int]:
        """The events of the processes, as `parse_records`.

        All that is there is copied first, so that the kernel can use the buffer while this is read.
        """
        memory, size = self._memory, self._size
        (head,) = _POSITION.unpack_from(memory, _HEAD)
        (tail,) = _POSITION.unpack_from(memory, _TAIL)
        start, end = mmap.PAGESIZE + tail % size, mmap.PAGESIZE + size
        data = memory[start : min(start + head - tail, end)]
        if len(data) < head - tail:  # it goes on at the beginning
            data += memory[mmap.PAGESIZE : mmap.PAGESIZE + head - tail - len(data)]
        _POSITION.pack_into(memory, _TAIL, head)
        yield from parse_records(memoryview(data), sources, processes)

    def close(self) -> None:
        """Unmap the buffer."""
        self._memory.close()


def parse_records(
    data: bytes | memoryview, sources: Sources, processes: frozenset[int | None] | None = None
) -> Iterator[Event | int]:
    """The events in `data`, the records of a ring buffer one after the other; an int is a number of lost ones.

    `sources`: the identifier of each tracepoint, its position among those that are opened, and whether its
    hits have fields. `processes`: only events of these, None among them for those without a process; None for all.
    What is no record of a known source counts as a lost one.
    """
    position = 0
    while position + _HEADER_SIZE <= len(data):
        kind, misc, length = _HEADER(data, position)
        if not _HEADER_SIZE <= length <= len(data) - position:
            yield 1  # no record begins here: where the next one does is not known
            return
        record = data[position : position + length]
        position += length
        try:
            if processes is not None and _process_of(kind, record) not in processes:
                continue
            event = _hit(record, sources) if kind == _RECORD_SAMPLE else _other_event(kind, misc, bytes(record))
        except (struct.error, OverflowError, KeyError):  # shorter than its kind needs, or of another event
            event = 1
        if event is not None:
            yield event


def _process_of(kind: int, data: bytes | memoryview) -> int | None:
    """The process that a record is of; None for a record without one, of lost events."""
    if kind == _RECORD_SAMPLE:
        return int(_SAMPLE.unpack_from(data, 8)[1])
    if kind in (_RECORD_COMM, _RECORD_MMAP2, _RECORD_FORK):
        return int(struct.unpack_from("<I", data, 8)[0])
    return None


def _hit(data: bytes | memoryview, sources: Sources) -> Hit | None:
    identifier, _, tid, time = _SAMPLE.unpack_from(data, 8)
    source, with_fields = sources[identifier]
    position, fields = 8 + _SAMPLE.size, b""
    if with_fields:
        (size,) = struct.unpack_from("<I", data, position)
        fields = bytes(data[position + 4 : position + 4 + size])
        position += 4 + size
    if not _POSITION.unpack_from(data, position)[0]:  # the thread has no registers of user space
        return None
    _, rax, rdx, rsi, rdi, rbp, rsp, rip, size = _USER.unpack_from(data, position)
    position += _USER.size
    (filled,) = _POSITION.unpack_from(data, position + size)
    stack = data[position : position + filled]
    return Hit(source, rip, tid, time, rax, rdx, rsi, rdi, rbp, rsp, stack, fields)


def _other_event(kind: int, misc: int, data: bytes) -> Event | int | None:
    if kind == _RECORD_COMM:
        _, tid = struct.unpack_from("<II", data, 8)
        return ThreadName(tid, os.fsdecode(data[16:].partition(b"\0")[0]), bool(misc & _EXECUTES))
    if kind == _RECORD_FORK:
        pid, parent_pid, tid, parent, time = struct.unpack_from("<IIIIQ", data, 8)
        return ThreadStart(tid, parent, time) if pid == parent_pid else None
    if kind == _RECORD_MMAP2:
        start, size, offset = struct.unpack_from("<QQQ", data, 16)
        return Mapping(start, size, offset, os.fsdecode(data[72:].partition(b"\0")[0]))
    if kind == _RECORD_LOST:
        return int(struct.unpack_from("<Q", data, 16)[0])
    if kind == _RECORD_LOST_SAMPLES:
        return int(struct.unpack_from("<Q", data, 8)[0])
    return None
