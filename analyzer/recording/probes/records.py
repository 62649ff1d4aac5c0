"""Makes the records of a recording from the hits of the probes and the frames that gdb names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analyzer.recording.probes.calls import IoctlCall
from analyzer.recording.probes.hits import Hits
from analyzer.recording.probes.ioctl_calls import KvmIoctl
from analyzer.recording.probes.naming import NamedFrames
from analyzer.recording.probes.stops import ProbeStop, created_threads
from gdbscripts.enums import StopReason
from gdbscripts.kvm_records import IoctlRecord, IoctlReturnRecord
from gdbscripts.records import (
    Record,
    RepeatRecord,
    ReturnRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)


@dataclass
class ProbeRecords:
    """Makes records; `started` is time zero in nanoseconds, `threads` has the number of each thread by its tid.

    `unnamed`: stacks that are left out because gdb did not find their frames. `stops`: the number of stops made.
    """

    hits: Hits
    named: NamedFrames
    started: int
    threads: Mapping[int, int]
    unnamed: int = 0
    stops: int = 0
    _numbers: dict[tuple[int, ...], int] = field(default_factory=dict)
    _stacks: dict[int, int] = field(default_factory=dict)  # number of the hits -> number of the record

    def all(self, stops: Sequence[ProbeStop], ioctls: Sequence[KvmIoctl], log_ioctls: bool) -> Iterator[Record]:
        """All records of threads, frames, stacks, stops and ioctls, in an order in which they can be read."""
        yield from self._threads(stops, ioctls if log_ioctls else ())
        yield from self.named.frames
        created = created_threads(stops, self.hits)
        values = {ioctl.call: ioctl.value for ioctl in ioctls}
        for position, stop in enumerate(stops):
            yield from self._stop(
                stop, values, {c.call: c.file for c in ioctls} if stop.call else {}, created.get(position)
            )
        if log_ioctls:
            yield from self._ioctls(ioctls)

    def _threads(self, stops: Sequence[ProbeStop], ioctls: Sequence[KvmIoctl]) -> Iterator[Record]:
        used = {stop.tid for stop in stops} | {ioctl.call.tid for ioctl in ioctls}
        for tid, number in self.threads.items():
            if tid in used:
                yield ThreadRecord(number, tid, self.hits.names.get(tid, ""), hex(tid))

    def _stack(self, number: int) -> Iterator[Record]:
        """The record of a stack of the hits, when it is new; its number is then in `_stacks`, unless unnamed."""
        if number in self._stacks:
            return
        try:
            frames = self.named.stack(self.hits.stacks[number])
        except KeyError:
            return
        known = self._numbers.get(frames)
        if known is None:
            known = self._numbers[frames] = len(self._numbers)
            yield StackRecord(known, list(frames))
        self._stacks[number] = known

    def _stop(
        self,
        stop: ProbeStop,
        values: Mapping[IoctlCall, int | None],
        files: Mapping[IoctlCall, str],
        created: int | None,
    ) -> Iterator[Record]:
        yield from self._stack(stop.stack)
        if stop.stack not in self._stacks:
            self.unnamed += stop.count
            return
        number = self.stops
        self.stops += 1
        call, start = stop.call, self.named.functions.get(stop.start)
        device = self.named.functions.get(stop.device)
        yield StopRecord(
            number=number,
            time=self._seconds(stop.time),
            thread=self.threads[stop.tid],
            reason=stop.reason,
            milestones=stop.milestones,
            function=device[0] if device else stop.function,
            stack=self._stacks[stop.stack],
            fd=call.fd if call else -1,
            file=files.get(call, "") if call else "",
            request=call.request if call else 0,
            starts=start[0] if start else "",
            starts_file=start[1] if start else "",
            starts_library=start[2] if start else "",
            exit=stop.exit,
            open_ended=stop.stack in self.hits.open_ended,
        )
        if stop.count > 1:
            yield RepeatRecord(number, stop.count - 1)
        value = values.get(call) if call else None
        if stop.returns and value is not None:
            yield ReturnRecord(number, value if value >= 0 else -1)  # as ioctl() returns an error
        if created is not None and stop.reason is StopReason.THREAD_CREATE:
            yield ReturnRecord(number, 0, hex(created))

    def _ioctls(self, ioctls: Sequence[KvmIoctl]) -> Iterator[Record]:
        for number, (call, file, value) in enumerate(ioctls):
            yield from self._stack(call.stack)
            yield IoctlRecord(
                number=number,
                time=self._seconds(call.time),
                thread=self.threads[call.tid],
                fd=call.fd,
                file=file,
                request=call.request,
                argument=call.argument,
                data=call.data.hex(),
                stack=self._stacks.get(call.stack, -1),
            )
            if value is not None:
                yield IoctlReturnRecord(number, value, "")

    def _seconds(self, time: int) -> float:
        return round((time - self.started) / 1e9, 6)
