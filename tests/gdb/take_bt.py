"""Sourced into gdb by tests: at each hit gdb's own `bt` is written to a file as well, if the hit is recorded.

The stack that is known without gdb's frames is compared with gdb's frames, at the hits that `compares` selects
with the arguments of all frames.
"""

import gdb

from gdbscripts.recorder import Recorder
from gdbscripts.stack import StackWalker


def take_bt(path, compares=1):
    """Write to `path`; compare arguments at every `compares`-th hit."""
    gdb.execute("set filename-display absolute")
    for name in ("record_stop", "record_or_count"):
        setattr(Recorder, name, _with_bt(getattr(Recorder, name), path, compares))


def _with_bt(original, path, compares):
    hits = [0]

    def record(self, *arguments, **details):
        text, stops = gdb.execute("bt", to_string=True), self.stops
        result = original(self, *arguments, **details)
        if self.stops > stops:
            with open(path, "a") as file:
                file.write(text + "\f")
        hits[0] += 1
        with open(path + ".known", "a") as file:
            file.write(_compare(self._walker, hits[0] % compares == 0) + "\n")
        return result

    return record


def _compare(walker, with_arguments):
    read = walker.read(at_breakpoint=True)
    known = walker.known_stack(read)
    walked = walker._walk_frames(read, False).frames
    if known is not None and list(known) != walked:
        return f"different: {known} known, {walked} walked"
    if with_arguments:
        found, printed = walker.walk().arguments, StackWalker()._walk_frames(read, True).arguments
        if found != printed:
            pairs = [pair for pair in zip(found, printed, strict=False) if pair[0] != pair[1]]
            return f"different: {pairs} instead of what gdb prints"
    return "left to gdb" if known is None else "equal"
