"""Firmware that a tree's build names and the tree lacks: distributions leave it out of their source packages."""

from __future__ import annotations

import re
from pathlib import Path

_LIST = re.compile(r"\[([^\[\]]*)\]")
_NAME = re.compile(r"'([\w.,+-]+)'")


def named_files(meson_build: str) -> list[str]:
    """File names in the lists of a `pc-bios/meson.build`, as the build looks for them."""
    found = dict.fromkeys(name for block in _LIST.findall(meson_build) for name in _NAME.findall(block))
    return [_as_looked_for(name) for name in found]


def put_placeholders(tree: Path) -> list[str]:
    """Make an empty file for each that is missing; their names. The build wants files, the emulator is given
    firmware of its own when it runs."""
    folder = tree / "pc-bios"
    listing = folder / "meson.build"
    if not listing.is_file():
        return []
    missing = [
        name
        for name in named_files(listing.read_text(encoding="utf-8", errors="replace"))
        if not (folder / name).exists()
    ]
    for name in missing:
        (folder / name).touch()
    return missing


def _as_looked_for(name: str) -> str:
    """Flash images are kept packed; a device tree's source may be there, its binary is what is installed."""
    if name.endswith(".fd"):
        return f"{name}.bz2"
    return f"{name.removesuffix('.dts')}.dtb" if name.endswith(".dts") else name
