"""The test suite itself: signals of children, and the check for processes that are left behind."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import need_tool

ROOT = Path(__file__).parents[2]
SHOW_SIGINT = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
LEAK = """
import subprocess
from tests.conftest import nothing_left_behind

def test_leaks():
    global left
    left = subprocess.Popen([{gdb!r}, "60"])

def test_is_innocent():
    pass

def test_ends_what_was_left():
    left.kill()
    left.wait()
"""


def pytest_here(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_children_of_a_test_have_the_default_action_on_sigint():
    done = subprocess.run([sys.executable, "-c", SHOW_SIGINT], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_they_have_it_also_where_the_suite_is_a_background_job():
    ignoring = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
    name = "test_children_of_a_test_have_the_default_action_on_sigint"
    done = pytest_here(f"{__file__}::{name}", before=ignoring)
    assert "1 passed" in done.stdout, done.stdout


def test_children_of_the_analyzer_have_the_default_action_on_sigint():
    """Also of an analyzer that ignores SIGINT itself, which goes on when it comes."""
    code = (
        "import os, signal, sys\n"
        "from analyzer import cli\n"
        "from analyzer.adapters.process import capture\n"
        "def verb(_):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        f"    print(capture([sys.executable, '-c', {SHOW_SIGINT!r}]).stdout.strip())\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "cli.parse = verb\n"
        "cli.main([])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr


def test_a_process_that_is_left_fails_the_test_that_left_it_and_no_other(tmp_path):
    gdb = tmp_path / "gdb"
    shutil.copy(need_tool("sleep"), gdb)
    (tmp_path / "test_leak.py").write_text(LEAK.format(gdb=str(gdb)))
    done = pytest_here(str(tmp_path), f"--rootdir={tmp_path}", "-p", "no:xdist")
    assert "3 passed, 1 error" in done.stdout, done.stdout
    assert "test_leak.py::test_leaks left behind: ['gdb (" in done.stdout


def test_sigint_interrupts_the_suite_all_the_same():
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
