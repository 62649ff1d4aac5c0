"""How a frame of a backtrace came to the next inner one, as far as text can tell."""

from __future__ import annotations

from analyzer.imports.stacks import ImportedFrame
from analyzer.model import CallKind
from gdbscripts.wire import KERNEL_LIBRARY

# How the kernel's functions begin that a system call comes to first.
_SYSTEM_CALL = ("entry_SYSCALL", "entry_SYSENTER", "entry_INT80", "do_syscall_", "__x64_sys_", "el0_svc")


def call_of(outer: ImportedFrame, inner: ImportedFrame) -> CallKind:
    """The kind of the call; UNKNOWN where something may be missing between the two.

    A backtrace does not tell a direct call from one through a pointer.
    """
    if outer.is_hole or inner.is_hole or outer.gap or "other" in (outer.kind, inner.kind):
        return CallKind.UNKNOWN
    if inner.kind == "inline":
        return CallKind.INLINE
    if "signal" in (outer.kind, inner.kind):
        return CallKind.SIGNAL
    if KERNEL_LIBRARY in (outer.library, inner.library):
        return _around_the_kernel(outer, inner)
    return CallKind.TAIL if outer.kind == "tail" else CallKind.CALL


def _around_the_kernel(outer: ImportedFrame, inner: ImportedFrame) -> CallKind:
    """A page fault or an interrupt is no call of the function it came upon."""
    if outer.library == inner.library:
        return CallKind.KERNEL
    asked = not outer.library.startswith(KERNEL_LIBRARY) and inner.name.startswith(_SYSTEM_CALL)
    return CallKind.SYSCALL if asked else CallKind.UNKNOWN
