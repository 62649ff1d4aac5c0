"""Sourced into gdb by tests: at each hit gdb's own `bt` is written to a file as well, if the hit is recorded, and
the stack that is known without gdb's frames is compared with gdb's frames."""

import gdb

from gdbscripts.recorder import Recorder


def take_bt(path):
    gdb.execute("set filename-display absolute")
    for name in ("record_stop", "record_or_count"):
        setattr(Recorder, name, _with_bt(getattr(Recorder, name), path))


def _with_bt(original, path):
    def record(self, *arguments, **details):
        text, stops = gdb.execute("bt", to_string=True), self.stops
        result = original(self, *arguments, **details)
        if self.stops > stops:
            with open(path, "a") as file:
                file.write(text + "\f")
        with open(path + ".known", "a") as file:
            file.write(_compare(self._walker) + "\n")
        return result

    return record


def _compare(walker):
    known = walker.known_stack()
    walked = walker._walk_frames(None, False).frames
    if known is None:
        return "left to gdb"
    return "equal" if list(known) == walked else f"different: {known} known, {walked} walked"
