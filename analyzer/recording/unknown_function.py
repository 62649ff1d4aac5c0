"""The message for a --break on a function that QEMU does not have."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from analyzer.adapters.elf import function_names
from analyzer.errors import UsageError
from analyzer.model.frames import without_compiler_suffix


def unknown_function(function: str, symbols: Path) -> UsageError:
    """The error for `function`, with names like it among those in the symbols of the file `symbols`."""
    names = {without_compiler_suffix(name) for name in function_names(symbols)}
    near = get_close_matches(function, names, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else "Its source may not be part of this build."
    return UsageError(f"--break {function}: this QEMU has no such function.", hint)
