"""Starts a gdb that speaks MI, and says why one cannot be used."""

from __future__ import annotations

import os
import subprocess

from analyzer.adapters.run_processes import VARIABLE, RunMark
from analyzer.errors import AnalyzerError

OLDEST_GDB = 12  # gdb.MICommand came with gdb 12
INSTALL_HINT = "Install it: apt install gdb (or dnf install gdb, pacman -S gdb)."


def start_gdb(executable: str, attaches: bool, mark: RunMark) -> subprocess.Popen[bytes]:
    """Start gdb with MI on pipes, without init files and auto-load. AnalyzerError when setpriv is missing.

    The program that it starts inherits `mark`. A gdb that attaches has none: it must not be killed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"}
    environment |= {"LC_ALL": "C.UTF-8", "SHELL": "/bin/sh", "TERM": "dumb"}
    if not attaches:
        environment[VARIABLE] = str(mark)
    # In a session of its own gdb gets no SIGINT of Ctrl-C. When this process is killed, the kernel kills gdb
    # (pdeathsig), and with gdb the program it traces (PTRACE_O_EXITKILL).
    # A process that gdb attached to must survive: no signal to gdb then, for gdb removes its breakpoints and
    # detaches at the end of its input, not on a signal (measured with gdb 13: SIGTERM leaves them inserted).
    when_killed = [] if attaches else ["setpriv", "--pdeathsig", "KILL"]
    command = [*when_killed, executable, "-nx", "-q", "--interpreter=mi3"]
    settings = ["-iex", "set auto-load off", "-iex", "set index-cache enabled off"]
    try:
        return subprocess.Popen(
            [*command, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,  # no write is pending when gdb has ended
            start_new_session=True,
            env=environment,
        )
    except FileNotFoundError:
        raise AnalyzerError(
            "setpriv is not installed; it ends gdb when this program is killed.",
            "Install it: apt install util-linux.",
        ) from None


def unusable_error(executable: str, message: str, said: str) -> AnalyzerError:
    """The error for a gdb that answers its first commands with `message`; `said` is what it printed."""
    if "Python scripting is not supported" in said + message:
        return AnalyzerError(f"{executable} was built without Python.", INSTALL_HINT)
    if "MICommand" in said:
        return AnalyzerError(
            f"{executable} is too old: gdb {OLDEST_GDB} or later is needed.",
            "Install a newer gdb, or put one first in PATH.",
        )
    return AnalyzerError(f"gdb could not be started: {message}", " ".join(said.split())[-400:])
