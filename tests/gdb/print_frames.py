"""Sourced into gdb by tests: prints the frames of the selected thread as JSON."""

import json

import gdb

_KINDS = {gdb.INLINE_FRAME: "inline", gdb.TAILCALL_FRAME: "tail", gdb.SIGTRAMP_FRAME: "signal"}


def print_frames():
    frames, frame = [], gdb.newest_frame()
    while frame is not None:
        kind = _KINDS.get(frame.type(), "normal")
        name = "<signal handler called>" if kind == "signal" else frame.name() or "??"
        line = frame.find_sal().line if frame.find_sal().symtab is not None and kind != "signal" else 0
        frames.append({"name": name, "kind": kind, "line": line, "thread": gdb.selected_thread().num})
        frame = frame.older()
    print(json.dumps(frames))
