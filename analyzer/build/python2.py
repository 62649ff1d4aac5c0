"""Provides a Python 2.7 for trees whose configure refuses Python 3: that of the host, or one in the cache."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from analyzer.adapters.process import SYSTEM_PATH, CommandTimeoutError, capture
from analyzer.build.apt import fetch_python2
from analyzer.build.cache import Cache
from analyzer.build.progress import Reporter
from analyzer.errors import AnalyzerError

# What only a Python 2.7 runs, and what the code generators of such trees import.
_TEST_PROGRAM = """
import argparse, getopt, optparse, os, re, subprocess, sys
from collections import OrderedDict
assert sys.version_info[:2] == (2, 7)
print 'works'
"""


def python2_path(cache: Cache) -> Path:
    """The path of the interpreter, before or after it is created.

    It is a link to the host's interpreter, or a script that starts the one in the cache.
    """
    return cache.tools / "python2.7" / "bin" / "python2.7"


def prepare_python2(cache: Cache, log: Path, reporter: Reporter) -> Path:
    """Create the interpreter when the cache has none that runs; returns its path.

    AnalyzerError, with the next step, when neither the host nor the distribution has one that runs.
    """
    path = python2_path(cache)
    with cache.lock("python2.7", reporter):
        if runs_python2(path):
            return path
        folder = path.parent.parent
        try:
            with cache.replacing_folder(folder) as temporary:
                _create_python2(temporary, folder, cache, log, reporter)
        except AnalyzerError as error:
            raise AnalyzerError(
                f"This tree needs Python 2.7, which is not installed and not available: {error.message}",
                "Put a python2.7 into PATH (pyenv install 2.7.18, or the distribution's package) and try again.",
            ) from None
        if not runs_python2(path):
            raise AnalyzerError(
                f"The Python 2.7 in {folder} does not run on this host.",
                "Put a python2.7 of your own into PATH and try again.",
            )
    return path


def runs_python2(path: Path) -> bool:
    """Whether `path` runs a program for Python 2.7. A name in PATH can be a shim that only prints an error."""
    try:
        done = capture([str(path), "-c", _TEST_PROGRAM], timeout=20)
    except (OSError, CommandTimeoutError):
        return False
    return done.succeeded and done.stdout == "works\n"


def _create_python2(temporary: Path, final: Path, cache: Cache, log: Path, reporter: Reporter) -> None:
    """Fill the folder `temporary`, which will be renamed to `final`."""
    (temporary / "bin").mkdir()
    wrapper = temporary / "bin" / "python2.7"
    if hosts := _host_python2():
        wrapper.symlink_to(hosts)
        return
    root = temporary / "root"
    root.mkdir()
    fetch_python2(root, cache, log, reporter)
    wrapper.write_text(
        "#!/bin/sh\n"
        "# Python 2.7 from packages that were unpacked here and not installed.\n"
        f'PYTHONHOME="{final}/root/usr"\n'
        "export PYTHONHOME\n"
        f'exec "{final}/root/usr/bin/python2.7" "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(0o755)


def _host_python2() -> str | None:
    """The path of a Python 2.7 in PATH that runs; None without one."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    for name in ("python2.7", "python2"):
        found = shutil.which(name, path=path)
        if found and runs_python2(Path(found)):
            return found
    return None
