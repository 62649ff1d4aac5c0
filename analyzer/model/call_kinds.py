"""How a caller calls a callee; kinds and their one table are shared with gdb's side."""

from __future__ import annotations

from gdbscripts.call_kinds import ARROW_WIDTH, CALL_KINDS, CallKind, CallKindText, arrow_key, call_arrow

__all__ = ["ARROW_WIDTH", "CALL_KINDS", "CallKind", "CallKindText", "arrow_key", "call_arrow"]
