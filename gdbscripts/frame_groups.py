"""Finds the frames that gdb shows for return addresses, in a core file that has stacks made for that.

Each thread of the core file has the return addresses of one path. The frames between two return addresses, inlined
ones and reconstructed tail calls, depend on both addresses only: the frames of the paths are those of all stacks.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Tuple

import gdb

from gdbscripts.frame_numbers import FrameNumbers
from gdbscripts.json_lines import to_line
from gdbscripts.records import FrameRecord
from gdbscripts.tail_calls import function_reference

_WITHOUT_RETURN_ADDRESS = (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME)


class FrameGroupReader:
    """Reads the frames of threads by groups. `new` are the records of all of them, by number."""

    def __init__(self) -> None:
        self._frames = FrameNumbers()
        self.new: List[FrameRecord] = []

    def groups(self, count: int, innermost: bool, functions: List[str], joints: List[int]) -> List[List[int]]:
        """Return the frame numbers for each of the `count` addresses of the selected thread's path.

        `functions` have a probe at the first address, the pc of an `innermost` frame; frames of other functions
        inlined there are left out, as gdb does at a breakpoint. Otherwise the first group is empty. At the
        positions `joints` another path begins, whose first group is empty, too. Fewer groups: gdb shows no frames
        further out.
        """
        found: List[List[int]] = []
        frames: List[gdb.Frame] = []
        frame: Optional[gdb.Frame] = gdb.newest_frame()
        callee: Optional[gdb.Frame] = None
        while frame is not None:
            frames.append(frame)
            if frame.type() not in _WITHOUT_RETURN_ADDRESS:
                if len(found) in joints:
                    found.append([])
                elif found:
                    found.append(self._numbers_of(frames, callee))
                else:
                    found.append(self._numbers_of(_from_function(frames, functions), None) if innermost else [])
                callee, frames = frame, []
                if len(found) == count:
                    break
            frame = frame.older()
        return found

    def _numbers_of(self, frames: List[gdb.Frame], callee: Optional[gdb.Frame]) -> List[int]:
        numbers: List[int] = []
        depth = 0
        for frame in frames:
            inlined = callee is not None and callee.type() == gdb.INLINE_FRAME and callee.pc() == frame.pc()
            depth = depth + 1 if inlined else 0
            numbers.append(self._frames.number_of(frame, callee, depth))
            callee = frame
        self.new.extend(self._frames.take_new())
        return numbers


def _from_function(frames: List[gdb.Frame], functions: List[str]) -> List[gdb.Frame]:
    """Return the frames from that of one of `functions` outwards; the last one when none is."""
    for position, frame in enumerate(frames):
        if frame.name() in functions:
            return frames[position:]
    return frames[-1:]


def read_core_file(
    core: str, paths: List[Tuple[int, bool, List[str], List[int]]], functions: List[int]
) -> Dict[str, Any]:
    """Return the frames of each thread of the core file at the path `core`, in the order of their ids.

    A path has the parameters of `FrameGroupReader.groups`. `functions` are addresses of functions. The result has
    `frames`, lines of a recording; `groups`, the frame numbers of each path by address; `functions`, name, file
    and library of each.
    """
    gdb.execute("core-file %s" % core, to_string=True)
    reader = FrameGroupReader()
    threads = sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.ptid[1])
    groups = []
    assert len(threads) == len(paths)
    for thread, path in zip(threads, paths):  # noqa: B905 - strict came with Python 3.10
        thread.switch()
        groups.append(reader.groups(*path))
    references = [function_reference(address) for address in functions]
    gdb.execute("core-file", to_string=True)
    return {"frames": [to_line(frame) for frame in reader.new], "groups": groups, "functions": references}


def answer_request(request: str, answer: str) -> None:
    """Read the JSON file `request` and write the answer of `read_core_file` as JSON to the file `answer`."""
    with open(request, encoding="utf-8") as file:
        asked = json.load(file)
    result = read_core_file(asked["core"], asked["paths"], asked["functions"])
    with open(answer, "w", encoding="utf-8") as file:
        json.dump(result, file)
