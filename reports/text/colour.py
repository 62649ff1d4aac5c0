"""Decides whether a terminal's text has colours, and adds the ANSI escapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def wants_colour(stream: TextIO, environ: Mapping[str, str], choice: str = "auto") -> bool:
    """Return whether output to `stream` has colours. `choice` is auto, always or never.

    With auto, the variables NO_COLOR (no-color.org), CLICOLOR_FORCE and FORCE_COLOR decide in this order; without
    them the stream must be a terminal, TERM not "dumb" and CLICOLOR not 0.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("CLICOLOR_FORCE", "FORCE_COLOR")):
        return True
    return environ.get("TERM") != "dumb" and environ.get("CLICOLOR") != "0" and stream.isatty()


def painted(text: str, style: str) -> str:
    """Return `text` with the ANSI escapes of `style`, a key of `_CODES`; unchanged for the style ""."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text
