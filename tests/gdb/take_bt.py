"""Sourced into gdb by tests: at each recorded stop gdb's own `bt` is written to a file as well."""

import gdb

from gdbscripts.recorder import Recorder


def take_bt(path):
    gdb.execute("set filename-display absolute")
    original = Recorder.record_stop

    def stop(self, *arguments, **details):
        with open(path, "a") as file:
            file.write(gdb.execute("bt", to_string=True) + "\f")
        return original(self, *arguments, **details)

    Recorder.record_stop = stop
