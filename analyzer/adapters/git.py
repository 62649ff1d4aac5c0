"""Runs git in a checkout. git writes nothing, not even its index."""

from __future__ import annotations

import os
from pathlib import Path

from analyzer.adapters.process import CommandTimeoutError, capture

_TIMEOUT = 120.0  # seconds; `git status` in a large tree on a slow disk
_COMMIT_TIMEOUT = 30.0  # seconds


def commit_in(folder: Path) -> str:
    """The abbreviated hash (12 digits) of the commit checked out in `folder`.

    "" when git is not installed, `folder` is in no repository, or the repository has no commit.
    """
    try:
        done = capture(["git", "-C", str(folder), "rev-parse", "--short=12", "HEAD"], timeout=_COMMIT_TIMEOUT)
    except (OSError, CommandTimeoutError):
        return ""
    return done.stdout.strip() if done.succeeded else ""


def git_output(folder: Path, *arguments: str) -> str | None:
    """The standard output of `git ARGUMENTS` in `folder`; None when git is not installed or fails.

    Raises CommandTimeoutError after two minutes.
    """
    command = ["git", "--no-optional-locks", "-c", "safe.directory=*", "-C", str(folder), *arguments]
    # a GIT_DIR in the user's environment would select another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = capture(command, environment=environment, timeout=_TIMEOUT)
    except FileNotFoundError:
        return None
    return done.stdout if done.succeeded else None
