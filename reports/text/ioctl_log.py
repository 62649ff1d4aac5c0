"""The ioctl log as text: what `analyze show --ioctls` prints."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import CallKind, arrow_key


def ioctl_log_text(recording: Recording) -> Iterator[str]:
    """One text of two lines for each ioctl of `recording`, in the order made; then the key.

    The first line has the time in seconds, the thread, and the call as `strace` prints it; the second the
    functions of QEMU and of the kernel, marked as documented where the kernel's stack was not recorded. The key
    explains the arrows between the functions.
    """
    kinds: set[CallKind] = set()
    for line in ioctl_log(recording):
        argument = f", {line.argument}" if line.argument else ""
        calls = line.calls or "(stack not taken)"
        kinds |= {*line.kernel_kinds, *(kind for kind, _ in line.chain if kind)}
        mark = "" if line.observed else " (documented)"
        yield (
            f"{line.time:9.6f} {line.thread:12} ioctl({line.fd}<{line.file}>, {line.request}{argument})"
            f" = {line.result or '?'}\n          {calls} {line.kernel_calls}{mark}"
        )
    if kinds:
        yield f"Key: {arrow_key(kinds)}."
