"""A Python 2.7 for trees whose configure refuses anything newer: the host's, or one of our own in the cache."""

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
    """Where the interpreter is, or will be: a script that starts the private one, or a link to the host's."""
    return cache.tools / "python2.7" / "bin" / "python2.7"


def prepare_python2(cache: Cache, log: Path, reporter: Reporter) -> Path:
    """An interpreter that has run 2.7-only code here and now. AnalyzerError with the next step without one."""
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
                f"This tree needs Python 2.7, which is neither here nor to be had: {error.message}",
                "Put a python2.7 into PATH (pyenv install 2.7.18, or the distribution's package) and try again.",
            ) from None
        if not runs_python2(path):
            raise AnalyzerError(
                f"The Python 2.7 in {folder} does not run on this host.",
                "Put a python2.7 of your own into PATH and try again.",
            )
    return path


def runs_python2(path: Path) -> bool:
    """Whether this is a Python 2.7 that works: a name in PATH may be a stand-in that only complains."""
    try:
        done = capture([str(path), "-c", _TEST_PROGRAM], timeout=20)
    except (OSError, CommandTimeoutError):
        return False
    return done.succeeded and done.stdout == "works\n"


def _create_python2(temporary: Path, final: Path, cache: Cache, log: Path, reporter: Reporter) -> None:
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
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    for name in ("python2.7", "python2"):
        found = shutil.which(name, path=path)
        if found and runs_python2(Path(found)):
            return found
    return None
