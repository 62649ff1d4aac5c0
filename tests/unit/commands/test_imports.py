"""What is imported before something is on the screen or gdb runs: heavy modules are not."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"elftools", "networkx", "jinja2", "graphviz", "pygdbmi", "re2", "numpy", "tomllib", "sqlite3", "asyncio"}


def imported(code: str) -> set[str]:
    """The modules that are loaded after `code` has run in a new Python."""
    ending = "import sys; print(*sys.modules, file=sys.stderr)"
    lines = f"import contextlib\nwith contextlib.suppress(SystemExit):\n    {code}\n{ending}"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split())


def heavy(modules: set[str]) -> set[str]:
    return HEAVY & {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_no_library_and_little_of_this_program(arguments):
    modules = imported(f"from analyzer.cli import main; main({arguments!r})")
    assert heavy(modules) == set()
    own = {name for name in modules if name.partition(".")[0] in ("analyzer", "gdbscripts", "reports")}
    assert own <= {
        "analyzer", "analyzer.cli", "analyzer.commands", "analyzer.commands.parser", "analyzer.console",
        "analyzer.errors", "analyzer.text", "gdbscripts", "gdbscripts.visible",
    }  # fmt: skip
    assert not {"subprocess", "json", "tempfile", "selectors", "ctypes"} & modules


@pytest.mark.parametrize("verb", ["startup", "io"])
def test_gdb_is_started_before_a_library_and_the_rest_of_this_program_are_imported(verb):
    modules = imported(f"import analyzer.commands.{verb}")
    assert heavy(modules) == set()
    assert not [name for name in modules if name.startswith(("reports", "analyzer.graph", "analyzer.recording"))]


def test_a_recording_imports_no_comparisons():
    every = "from analyzer.commands import record_and_report; record_and_report._load_what_results_need()"
    modules = imported(every)
    assert "analyzer.commands.write_results" in modules
    assert not {"analyzer.diff", "analyzer.policy", "analyzer.backtraces", "reports.html.diff_data"} & modules
