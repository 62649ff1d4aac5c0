"""What the user wants to boot: the tiny guest, a disk image or a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.text import expand_user

TINY = "tiny"
TINY_IMAGE = Path(__file__).resolve().with_name("tiny_guest") / "tiny.bin"
# (0x10 << 1) | 1 through isa-debug-exit; 0 through the reset that follows where there is no such device.
TINY_EXIT_STATUSES = (33, 0)
_HINT = "Give --guest tiny, a disk image or a Linux kernel."
_QCOW2 = b"QFI\xfb"
_MULTIBOOT = b"\x02\xb0\xad\x1b"  # must lie in the first 8 KiB (Multiboot specification, 3.1)


@dataclass(frozen=True)
class Guest:
    """`kind` is tiny, kernel or disk; `format` is the disk image's, for QEMU."""

    kind: str
    path: Path
    format: str = ""

    @property
    def name(self) -> str:
        """What the header of a recording calls it."""
        return TINY if self.kind == TINY else str(self.path)

    @property
    def leaves(self) -> bool:
        """Whether the guest ends by itself, so that its exit status can be waited for."""
        return self.kind == TINY


def choose_guest(wanted: str) -> Guest:
    """The guest for `--guest`: decided by the file's content. AnalyzerError when there is no such file."""
    if wanted == TINY:
        return Guest(TINY, TINY_IMAGE)
    path = expand_user(wanted)
    if path.is_fifo() or path.is_char_device():
        raise AnalyzerError(f"Guest {path} is no file one can boot from.", _HINT)
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
    """What kind of guest the first 8 KiB of a file say it is."""
    if head[0x202:0x206] == b"HdrS" or head.startswith(b"\x7fELF") or _MULTIBOOT in head:
        return Guest("kernel", path)
    return Guest("disk", path, "qcow2" if head.startswith(_QCOW2) else "raw")
