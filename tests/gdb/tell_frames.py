"""Sourced into gdb by tests: the selected thread's frames as JSON."""

import json

import gdb

_KINDS = {gdb.INLINE_FRAME: "inline", gdb.TAILCALL_FRAME: "tail", gdb.SIGTRAMP_FRAME: "signal"}


def tell_frames():
    told, frame = [], gdb.newest_frame()
    while frame is not None:
        kind = _KINDS.get(frame.type(), "normal")
        name = "<signal handler called>" if kind == "signal" else frame.name() or "??"
        line = frame.find_sal().line if frame.find_sal().symtab is not None and kind != "signal" else 0
        told.append({"name": name, "kind": kind, "line": line, "thread": gdb.selected_thread().num})
        frame = frame.older()
    print(json.dumps(told))
