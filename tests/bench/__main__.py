"""`make bench`: measures the program beside its rivals, and stores the figures in `tests/bench/results/`.

`python -m tests.bench --help` lists the groups and options. It needs what a recording needs; perf and uftrace are
measured when they are installed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from analyzer.errors import AnalyzerError
from tests.bench import bulk_group, import_group, recordings_group, startup_group
from tests.bench.groups import Bench, GroupResult
from tests.bench.host import host_facts
from tests.bench.measured_run import RunError
from tests.bench.results import FOLDER, Results, name_of, to_markdown, write
from tests.bench.rounds import say
from tests.bench.targets import NOT_MET, judge, read_targets

GROUPS: dict[str, Callable[[Bench], GroupResult]] = {
    startup_group.NAME: startup_group.run,
    "bulk A": partial(bulk_group.run, "bulk A"),
    "bulk B": partial(bulk_group.run, "bulk B"),
    recordings_group.NAME: recordings_group.run,
    import_group.NAME: import_group.run,
}


def main() -> int:
    """Measure the groups asked for, print the Markdown and store it; returns 1 when a group could not run."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that uprobes are removed
    started = time.monotonic()
    done: list[GroupResult] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="callchain-bench-") as name:
        bench = Bench(options.qemu.resolve(), Path(name), options.rounds)
        for group in options.groups:
            try:
                done.append(GROUPS[group](bench))
            except (RunError, AnalyzerError, OSError, ValueError, subprocess.CalledProcessError) as error:
                say(f"{group}: {error}")
                failed = True
    host = host_facts(options.qemu)
    figures = [figure for group in done for figure in group.figures]
    judged = judge(figures, read_targets(), options.groups)
    results = Results(host, tuple(done), tuple(judged))
    print(to_markdown(results))
    if not options.print_only:
        name = options.name or name_of(host["date"], options.groups, list(GROUPS))
        say(f"written: {' '.join(map(str, write(results, name, options.results)))}")
    not_met = sum(each.mark == NOT_MET for each in judged)
    say(f"{time.monotonic() - started:.0f} s; {not_met} of {len(judged)} figures are not within their target")
    return int(failed)


def matching_groups(words: Sequence[str]) -> list[str]:
    """The groups that `words` name, in the order of GROUPS; a word stands for all groups that begin with it.

    ValueError for a word that names none. No words: all groups.
    """
    asked = [word.replace("-", " ").lower() for word in words]
    for word in asked:
        if not any(group.lower().startswith(word) for group in GROUPS):
            raise ValueError(f"no group {word}; there are {', '.join(GROUPS)}")
    return [group for group in GROUPS if not asked or group.lower().startswith(tuple(asked))]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measures the program beside its rivals, and stores the figures.",
        epilog=f"groups: {', '.join(GROUPS)}. Example: make bench BENCH='bulk-a import' ROUNDS=2 STORE=no",
    )
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help="groups to measure, or how their names begin (default: all)"
    )
    parser.add_argument(
        "--qemu", type=Path, default=os.environ.get("QEMU"), metavar="PATH", help="QEMU to run (default: $QEMU)"
    )
    parser.add_argument(
        "--rounds", type=_positive, metavar="N", help="rounds of each table (default: 5; 3 for bulk B)"
    )
    parser.add_argument("--print-only", action="store_true", help="store nothing")
    parser.add_argument("--name", help="name of the files (default: the date, and the groups unless all)")
    parser.add_argument("--results", type=Path, default=FOLDER, metavar="DIR", help="folder for the files")
    options = parser.parse_args()
    if options.qemu is None:
        parser.error("name a QEMU with --qemu PATH or in the variable QEMU")
    options.qemu = Path(options.qemu)
    try:
        options.groups = matching_groups(options.groups)
    except ValueError as error:
        parser.error(str(error))
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
