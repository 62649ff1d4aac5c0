"""The kinds of calls, the edges of every chain and graph. The kinds and their table are shared with gdb's side."""

from __future__ import annotations

from gdbscripts.call_kinds import ARROW_WIDTH, CALL_KINDS, CallKind, CallKindText, arrow_key, call_arrow

__all__ = ["ARROW_WIDTH", "CALL_KINDS", "CallKind", "CallKindText", "arrow_key", "call_arrow"]
