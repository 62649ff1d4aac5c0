"""Whether to colour a terminal's text, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def wants_colour(stream: TextIO, environ: Mapping[str, str], choice: str = "auto") -> bool:
    """Whether to colour what goes to `stream`: `choice` is auto, always or never; auto asks the environment, then
    the stream. A wish for no colour wins over one for colour."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("CLICOLOR_FORCE", "FORCE_COLOR")):
        return True
    return environ.get("TERM") != "dumb" and environ.get("CLICOLOR") != "0" and stream.isatty()


def painted(text: str, style: str) -> str:
    """`text` in a style of a terminal; "" leaves it plain."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and text else text
