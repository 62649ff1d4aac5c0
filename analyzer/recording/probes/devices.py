"""Makes stops of the calls of devices' functions, and counts the accesses by device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from analyzer.recording.probes.exits import MEMBERS, DeviceStack, ExitCollector
from analyzer.recording.probes.hits import Hits
from analyzer.recording.probes.places import Accessor
from analyzer.recording.probes.stops import ProbeStop
from gdbscripts.enums import StopReason

_MAX_STOPS = 16  # of one exit, as in gdbscripts/exits.py
_MAX_DEVICES = 12  # in the sentence about accesses


class DeviceCalls:
    """The calls of devices' functions, of which the probes hit the caller: an accessor of a memory region.

    `bias` is added to the addresses of `accessors`.
    """

    def __init__(self, hits: Hits, exits: ExitCollector, accessors: Mapping[str, Accessor], bias: int) -> None:
        self._hits, self._exits = hits, exits
        self._accessors, self._bias = accessors, bias
        self._entries = {accessor.entry + bias for accessor in accessors.values()}
        self._stacks: dict[tuple[int, ...], int] = {}

    def stops(self) -> list[ProbeStop]:
        """A stop for each call during a sampled exit; equal calls of other exits are counted with the first."""
        found: list[ProbeStop] = []
        first: dict[tuple[int, int], ProbeStop] = {}
        for number, exit_ in enumerate(self._exits.sampled):
            for stack in exit_.stacks[:_MAX_STOPS]:
                if (stop := self._stop(exit_.tid, stack, stack.time)) is not None:
                    stop.exit = number
                    first.setdefault((stop.tid, stop.stack), stop)
                    found.append(stop)
        for (tid, stack), (time, count) in self._exits.others.items():
            if (stop := self._stop(tid, stack, time)) is not None:
                known = first.get((tid, stop.stack))
                if known is not None:
                    known.count += count
                else:
                    stop.count = count
                    first[tid, stop.stack] = stop
                    found.append(stop)
        return sorted(found, key=lambda stop: stop.time)

    def sentence(self, names: Mapping[int, list[str]]) -> Iterator[str]:
        """The number of accesses by device and function; `names` has name, file and library of functions."""
        counts: Counter[tuple[str, str]] = Counter()
        for (region, accessor), count in self._exits.accesses.items():
            function = self._function(region, accessor)
            if function in names:
                counts[self._exits.regions[region].name or "a region without a name", names[function][0]] += count
        if counts:
            most = counts.most_common(_MAX_DEVICES)
            shown = [f"{count} of {device} by {name}" for (device, name), count in most]
            left = sum(counts.values()) - sum(count for _, count in most)
            yield f"Accesses by device: {', '.join(shown)}{f', {left} of others' if left else ''}."

    def _stop(self, tid: int, stack: DeviceStack, time: int) -> ProbeStop | None:
        """The stop in the device's function; None when that is an accessor itself, which is hit for itself."""
        function = self._function(stack.region, stack.accessor)
        returns = self._accessors[stack.accessor].returns
        if function in self._entries:
            return None
        if not function or not returns:
            return ProbeStop(time, tid, StopReason.IO, [], stack.accessor, stack.stack)
        addresses = (function, returns + self._bias, *self._hits.stacks[stack.stack][1:])
        number = self._stacks.get(addresses)
        if number is None:
            number = self._stacks[addresses] = len(self._hits.stacks)
            self._hits.stacks.append(addresses)
            if stack.stack in self._hits.open_ended:
                self._hits.open_ended.add(number)
        return ProbeStop(time, tid, StopReason.IO, [], stack.accessor, number, device=function)

    def _function(self, region: int, accessor: str) -> int:
        """The address of the device's function that the accessor calls for a region; 0 when it is not known."""
        member = accessor.removeprefix("memory_region_").removesuffix("_accessor")
        known = self._exits.regions.get(region)
        return known.functions.get(member, 0) if known is not None and member in MEMBERS else 0
