"""Opens a page in the user's web browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path

# A browser in the text terminal cannot run the page's scripts: one is needed that has a display.
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def open_page(page: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Open the file `page` in the browser that $BROWSER names, or the desktop's; return whether one started."""
    if sys.platform == "linux" and not any(environ.get(name) for name in _DISPLAYS):
        return False
    try:
        return webbrowser.open(page.resolve().as_uri())
    except webbrowser.Error:
        return False
