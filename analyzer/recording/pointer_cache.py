"""Keeps what a recording found out about function pointers, so that the next one need not run QEMU again for it.

The origins belong to one build of QEMU, one command line, one accelerator and one version of the code that finds
them; a recording of anything else finds nothing here. gdb compares each with the run that is being recorded
(`gdbscripts/pointers/known_pointers.py`), and what differs is found again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from analyzer.adapters.bounded_files import read_bounded
from analyzer.files import own_cache_folder, replace_file
from analyzer.strict_json import parse_json
from gdbscripts import plan as plans
from gdbscripts.enums import PointerOutcome, StopReason
from gdbscripts.json_lines import LineError, from_line, to_line
from gdbscripts.plan import IndirectCallSite, KnownPointer
from gdbscripts.records import (
    FrameRecord,
    PointerOriginRecord,
    PointerRecord,
    Record,
    StackRecord,
    StopRecord,
    ThreadRecord,
)

FOLDER_NAME = "pointers"  # in the cache
OFF_VARIABLE = "CALLCHAIN_NO_POINTER_CACHE"  # of the environment; any value but "" turns it off
_Kind = TypeVar("_Kind", PointerRecord, PointerOriginRecord, StopRecord, FrameRecord)
_SCHEMA = 1
_LARGEST = 8 << 20  # characters of a file; a start of QEMU has 60,000
_MOST_FILES = 200
_SCRIPTS = Path(plans.__file__).parent


@dataclass(frozen=True)
class Origin:
    """A pointer with its steps, and the stops of its steps, whose frames are numbered from 0."""

    site: IndirectCallSite
    pointer: PointerRecord
    steps: tuple[PointerOriginRecord, ...]
    stops: tuple[tuple[StopRecord, tuple[FrameRecord, ...]], ...]

    def plan(self) -> KnownPointer:
        """What gdb is to compare with the recorded run."""
        addresses = [self.pointer.address, *(step.address for step in self.steps)]
        slots = [address for address in dict.fromkeys(addresses) if address]
        leads = [names[0] for names in self.pointer.leads if names]
        return KnownPointer(self.site, slots, self.pointer.value, self.pointer.target, leads)


class PointerCache:
    """The origins of one build, command line and accelerator."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.origins = _read(file)

    @classmethod
    def of(cls, build_id: str, command: Sequence[str], accelerator: str, gdb_version: str) -> PointerCache | None:
        """The origins for a QEMU with this build-id, run with `command`. None where none can be kept."""
        if os.environ.get(OFF_VARIABLE) or not build_id:
            return None
        key = json.dumps([build_id, list(command), accelerator, gdb_version, _digest_of_scripts()])
        try:
            return cls(own_cache_folder(FOLDER_NAME) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json")
        except OSError:
            return None

    def mark_used(self) -> None:
        """Let these origins be removed later than those of others. Raises nothing."""
        with suppress(OSError):
            os.utime(self._file)

    def store(self, recording: Path, sites: Iterable[IndirectCallSite]) -> None:
        """Keep the pointers that `recording` explains, of those made at `sites`. Raises nothing."""
        origins = list(origins_in(_records_in(recording), sites))
        if not origins:
            return
        data = {"schema": _SCHEMA, "origins": [_to_json(origin) for origin in origins]}
        try:
            replace_file(self._file, json.dumps(data))
            _remove_old(self._file.parent)
        except OSError:  # the next recording finds the origins itself
            return


def origins_in(records: Iterable[Record], sites: Iterable[IndirectCallSite]) -> Iterator[Origin]:
    """The explained pointers among the records of a recording, each with the one of `sites` that it belongs to."""
    by_call = {(tuple(site.returns), site.callee): site for site in sites}
    content = _Content(records)
    for pointer in content.pointers:
        site = by_call.get((tuple(pointer.returns), pointer.callee))
        if site is None or pointer.outcome is not PointerOutcome.EXPLAINED:
            continue
        steps = [step for step in content.steps if step.pointer == pointer.number]
        numbers = list(dict.fromkeys(step.stop for step in steps if step.stop >= 0))
        yield Origin(
            site,
            replace(pointer, number=0, earlier=False),
            tuple(
                replace(step, pointer=0, stop=numbers.index(step.stop) if step.stop >= 0 else -1) for step in steps
            ),
            tuple(content.stop_with_frames(number) for number in numbers),
        )


class AddedRecords:
    """The records that put origins of an earlier recording into a recording with the content `records`."""

    def __init__(self, records: Iterable[Record]) -> None:
        content = _Content(records)
        self._threads = content.threads
        self._frames = {
            replace(frame, number=0): frame.number for frame in map(_hashable, content.frames.values())
        }
        self._stacks = {frames: number for number, frames in content.stacks.items()}
        self._next_frame = max(content.frames, default=-1) + 1
        self._next_stack = max(content.stacks, default=-1) + 1
        self._next_stop = max(content.stops, default=-1) + 1
        self._next_pointer = max((pointer.number for pointer in content.pointers), default=-1) + 1
        self.frames = self.stops = 0  # numbers of those added

    def fits(self, origin: Origin) -> bool:
        """Whether the recording has the threads of the origin's stops."""
        return all(stop.thread in self._threads for stop, _ in origin.stops)

    def of(self, origin: Origin) -> Iterator[Record]:
        """The records of one origin, with the next free numbers."""
        numbers = []
        for stop, frames in origin.stops:
            stack: list[int] = []
            for frame in frames:
                yield from self._add_frame(frame, stack)
            if tuple(stack) not in self._stacks:
                self._stacks[tuple(stack)] = self._next_stack
                yield StackRecord(self._next_stack, stack)
                self._next_stack += 1
            numbers.append(self._next_stop)
            yield replace(stop, number=self._next_stop, stack=self._stacks[tuple(stack)])
            self._next_stop += 1
            self.stops += 1
        yield replace(origin.pointer, number=self._next_pointer, earlier=True)
        for step in origin.steps:
            yield replace(step, pointer=self._next_pointer, stop=numbers[step.stop] if step.stop >= 0 else -1)
        self._next_pointer += 1

    def _add_frame(self, frame: FrameRecord, stack: list[int]) -> Iterator[Record]:
        """Append the number of the frame to `stack`; yields the frame when the recording has none like it."""
        key = _hashable(replace(frame, number=0))
        if key not in self._frames:
            self._frames[key] = self._next_frame
            yield replace(frame, number=self._next_frame)
            self._next_frame += 1
            self.frames += 1
        stack.append(self._frames[key])


class _Content:
    """Those records of a recording that pointers and their stops consist of."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.frames: dict[int, FrameRecord] = {}
        self.stacks: dict[int, tuple[int, ...]] = {}
        self.stops: dict[int, StopRecord] = {}
        self.threads: set[int] = set()
        self.pointers: list[PointerRecord] = []
        self.steps: list[PointerOriginRecord] = []
        for record in records:
            match record:
                case FrameRecord():
                    self.frames[record.number] = record
                case StackRecord():
                    self.stacks[record.number] = tuple(record.frames)
                case StopRecord():
                    self.stops[record.number] = record
                case ThreadRecord():
                    self.threads.add(record.number)
                case PointerRecord():
                    self.pointers.append(record)
                case PointerOriginRecord():
                    self.steps.append(record)

    def stop_with_frames(self, number: int) -> tuple[StopRecord, tuple[FrameRecord, ...]]:
        """A stop and its frames, both with the number 0."""
        stop = self.stops[number]
        frames = tuple(replace(self.frames[frame], number=0) for frame in self.stacks[stop.stack])
        return replace(stop, number=0, stack=-1), frames


_TAGS = {
    kind.TAG for kind in (FrameRecord, StackRecord, StopRecord, ThreadRecord, PointerRecord, PointerOriginRecord)
}


def _records_in(recording: Path) -> Iterator[Record]:
    """The records in a recording of this run that pointers and their stops consist of."""
    with recording.open(encoding="utf-8") as file:
        for line in file:
            if line[line.find(": ") + 3 :].partition('"')[0] in _TAGS:
                yield from_line(line)


def added_records(recording: Path) -> AddedRecords:
    """What adds origins to the file `recording`. OSError when it cannot be read."""
    return AddedRecords(_records_in(recording))


def _hashable(frame: FrameRecord) -> FrameRecord:
    """The frame with tuples for its lists; equal frames give equal results."""
    return replace(frame, via=tuple(map(tuple, frame.via)))  # type: ignore[arg-type]


@cache
def _digest_of_scripts() -> str:
    """A digest of the code that runs inside gdb: what it finds may change with it."""
    files = sorted(_SCRIPTS.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _to_json(origin: Origin) -> dict[str, object]:
    return {
        "site": asdict(origin.site),
        "pointer": to_line(origin.pointer),
        "steps": [to_line(step) for step in origin.steps],
        "stops": [[to_line(stop), [to_line(frame) for frame in frames]] for stop, frames in origin.stops],
    }


def _read(file: Path) -> list[Origin]:
    """The origins in a file; [] when there is none, or it is damaged."""
    try:
        if file.is_symlink():
            return []
        data = parse_json(read_bounded(file, _LARGEST, "strict"))
        return [_origin(entry) for entry in data["origins"]] if data["schema"] == _SCHEMA else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _origin(entry: dict[str, object]) -> Origin:
    """The origin in one entry of a file. ValueError, KeyError or TypeError when it is none."""
    pointer = _one(PointerRecord, entry["pointer"])
    steps = tuple(_one(PointerOriginRecord, line) for line in _list(entry["steps"]))
    stops = []
    for item in _list(entry["stops"]):
        line, frames = _list(item)
        stop = _one(StopRecord, line)
        if stop.reason is not StopReason.STORE:
            raise ValueError("a stop of another reason")
        stops.append((stop, tuple(_one(FrameRecord, frame) for frame in _list(frames))))
    if any(not -1 <= step.stop < len(stops) for step in steps):
        raise ValueError("a step names a stop that is not there")
    return Origin(_site(entry["site"]), pointer, steps, tuple(stops))


def _one(kind: type[_Kind], line: object) -> _Kind:
    record = from_line(line) if isinstance(line, str) else None
    if not isinstance(record, kind):
        raise LineError(f"not a {kind.TAG} record")
    return record


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _site(data: object) -> IndirectCallSite:
    """The call site with these fields. TypeError when one has another type than those of a call site."""
    if not isinstance(data, dict):
        raise TypeError("not a call site")
    site = IndirectCallSite(**data)
    numbers = [
        *(site.stop_address, site.call_position, site.callee_address, site.elided_function),
        *(*_list(site.return_addresses), *_list(site.returns)),
    ]
    if not all(type(number) is int for number in numbers) or not isinstance(site.callee, str):
        raise TypeError("not a call site")
    return replace(site, in_library=bool(site.in_library))


def _remove_old(folder: Path) -> None:
    files = sorted(folder.iterdir(), key=lambda path: path.lstat().st_mtime, reverse=True)
    for file in files[_MOST_FILES:]:
        file.unlink(missing_ok=True)
