"""The ioctl log as text: what `analyze show --ioctls` prints."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.recording import Recording


def ioctl_log_text(recording: Recording) -> Iterator[str]:
    """One text of two lines for each ioctl of `recording`, in the order made.

    The first line has the time in seconds, the thread, and the call as `strace` prints it; the second the
    functions of QEMU and of the kernel, marked as documented where the kernel's stack was not recorded.
    """
    for line in ioctl_log(recording):
        argument = f", {line.argument}" if line.argument else ""
        chain = " > ".join(line.chain) or "(stack not taken)"
        mark = "" if line.observed else " (documented)"
        yield (
            f"{line.time:9.6f} {line.thread:12} ioctl({line.fd}<{line.file}>, {line.request}{argument})"
            f" = {line.result or '?'}\n          {chain} => {' > '.join(line.kernel) or 'unknown'}{mark}"
        )
