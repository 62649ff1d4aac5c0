"""The guest that QEMU boots: the tiny guest, a disk image or a Linux kernel, recognised by its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.text import expand_user

TINY = "tiny"
RUNNING = "running"
TINY_IMAGE = Path(__file__).resolve().with_name("tiny_guest") / "tiny.bin"
# QEMU's exit status: (0x10 << 1) | 1 through isa-debug-exit (hw/misc/debugexit.c of QEMU); 0 through the reset
# that follows where QEMU does not have the device.
TINY_EXIT_STATUSES = (33, 0)
_HINT = "Give --guest tiny, a disk image or a Linux kernel."
_QCOW2 = b"QFI\xfb"  # docs/interop/qcow2.txt of QEMU
_MULTIBOOT = b"\x02\xb0\xad\x1b"  # must lie in the first 8 KiB (Multiboot specification, 3.1)


@dataclass(frozen=True)
class Guest:
    """What to boot. `kind`: tiny, kernel, disk or running; `format`: raw or qcow2, of a disk image, for -drive."""

    kind: str
    path: Path
    format: str = ""

    @property
    def name(self) -> str:
        """The name in the header of a recording: `tiny`, `running`, or the path."""
        return self.kind if self.kind in (TINY, RUNNING) else str(self.path)

    @property
    def exits_by_itself(self) -> bool:
        """Whether the guest ends QEMU by itself, so that the recording waits for its exit status."""
        return self.kind == TINY


RUNNING_GUEST = Guest(RUNNING, Path())
"""The guest of a QEMU that gdb attaches to."""


def choose_guest(argument: str) -> Guest:
    """The guest for `--guest ARGUMENT`, `tiny` or a path; AnalyzerError when the file cannot be read."""
    if argument == TINY:
        return Guest(TINY, TINY_IMAGE)
    path = expand_user(argument)
    if path.is_fifo() or path.is_char_device():
        raise AnalyzerError(f"Guest {path} is not a regular file.", _HINT)
    try:
        with path.open("rb") as file:
            head = file.read(8192)
    except OSError as error:
        raise AnalyzerError(
            f"Guest {path} cannot be read: {error.strerror}.",
            _HINT,
        ) from None
    return classify(path.resolve(), head)


def classify(path: Path, head: bytes) -> Guest:
    """The guest at `path` by `head`, its first 8 KiB: a Linux or Multiboot kernel, else a disk image."""
    if head[0x202:0x206] == b"HdrS" or head.startswith(b"\x7fELF") or _MULTIBOOT in head:
        return Guest("kernel", path)
    return Guest("disk", path, "qcow2" if head.startswith(_QCOW2) else "raw")
