"""The module that a tool names beside a frame: a shared library, or the program itself."""

from __future__ import annotations

from analyzer.backtraces.stacks import UNKNOWN_FRAME, ImportedFrame

_UNNAMED = ("", "??", "???", "<unknown>", "n/a", "<null>")


def library_of(module: str) -> str:
    """`module`, a path, when it is a shared library; "" for the program itself."""
    name = module.rpartition("/")[2]
    return module if ".so" in name or name.endswith(".dylib") else ""


def frame_of(name: str, address: str = "", module: str = "", file: str = "", line: int = 0) -> ImportedFrame:
    """The frame of the function `name` in `module`; an unknown frame for what tools print instead of a name.

    `address` is hexadecimal, without 0x; "" when the text has none.
    """
    known = UNKNOWN_FRAME if name in _UNNAMED else ImportedFrame(name, file, line, library_of(module))
    return known._replace(pc=int(address, 16), addressed=True) if address else known
