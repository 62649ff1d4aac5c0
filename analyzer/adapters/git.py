"""Asks git which commit is checked out."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_in(folder: Path) -> str:
    """The short name of the commit checked out in `folder`; "" where there is no git, or no commit."""
    command = ["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
