"""What a real bash, zsh and fish complete with the code of `analyze completion`."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import need_tool

ROOT = Path(__file__).parents[2]
SETUP = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {}"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u -D; source {}"),
}
COMPLETED = [
    ("analyze summ", "analyze summary "),
    ("analyze completion fi", "analyze completion fish "),
    ("analyze export x --form", "analyze export x --format "),
    ("analyze export x --format spee", "analyze export x --format speedscope "),
    ("analyze show --poin", "analyze show --pointers "),
    ("analyze summary recor", "analyze summary recording.jsonl "),
]


@pytest.fixture
def environment(tmp_path):
    """A folder with a file to complete, and an environment in which `analyze` is this checkout's."""
    program = tmp_path / "bin" / "analyze"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys, analyzer.cli as c; sys.exit(c.main())' \"$@\"\n"
    )
    program.chmod(0o755)
    (tmp_path / "recording.jsonl").write_text("")
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    return {
        **kept, "PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path),
        "TERM": "dumb", "PS1": "$ ",
    }  # fmt: skip


def code_file(shell, environment):
    file = Path(environment["HOME"]) / "completions" / "analyze"
    command = ["analyze", "completion", shell, "-o", str(file)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return file


def typed(command, lines, environment, expected):
    """What is on the terminal of a shell that reads these lines; ends when it is `expected`, or after 20 s."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(environment["HOME"])
        os.execvpe(command[0], command, environment)
    shown = ""
    try:
        for line in lines:
            os.write(terminal, line.encode())
            time.sleep(1.0)  # the shell reads a Tab as a command only once it has its prompt
        end = time.monotonic() + 20
        while expected not in shown and time.monotonic() < end:
            if select.select([terminal], [], [], 0.5)[0]:
                shown += os.read(terminal, 4096).decode(errors="replace")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    return shown


@pytest.mark.parametrize("shell", SETUP)
@pytest.mark.parametrize(("beginning", "whole"), COMPLETED, ids=[beginning for beginning, _ in COMPLETED])
def test_a_tab_completes_verbs_options_values_and_files(shell, beginning, whole, environment):
    need_tool(shell)
    command, setup = SETUP[shell]
    lines = [setup.format(code_file(shell, environment)) + "\n", f"{beginning}\t"]
    assert whole in typed(command, lines, environment, whole)


@pytest.mark.parametrize(("beginning", "whole"), COMPLETED, ids=[beginning for beginning, _ in COMPLETED])
def test_fish_completes_verbs_options_values_and_files(beginning, whole, environment):
    fish = need_tool("fish")
    asked = f"source {code_file('fish', environment)}; complete -C '{beginning}'"
    command, home = [fish, "--no-config", "-c", asked], environment["HOME"]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=True)
    words = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert whole.split()[-1] in words, done.stdout
