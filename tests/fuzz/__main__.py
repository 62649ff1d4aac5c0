"""Fuzzes one target with Atheris, guided by coverage: `python -m tests.fuzz TARGET --seconds N`.

It starts with the corpus. A finding is written to the folder of findings, with its traceback on standard error,
and ends the run with status 1. Inputs that reach new code are kept in a folder of their own, for the next run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.guard import Violation
from tests.fuzz.targets import CORPUS, NAMES, ROOT_PACKAGES, target

_SLOWER = 10.0  # measuring the coverage costs time


def main() -> int:
    """Fuzz the targets of the command line, one after the other; returns 1 when there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(NAMES)} (default: all)")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("out/fuzz"), help="findings and inputs (default: out/fuzz)"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # fuzz in this process
    options = parser.parse_args()
    names = options.targets or list(NAMES)
    if unknown := set(names) - set(NAMES):
        parser.error(f"{min(unknown)} is no target; the targets are {', '.join(NAMES)}")
    if options.here:
        _fuzz(names[0], options.out, options.seconds)
    return max([_run(name, options.out, options.seconds) for name in names])


def _run(name: str, out: Path, seconds: int) -> int:
    """Fuzz a target in a process of its own; returns 1 when there is a finding."""
    print(f"== {name}: {seconds} s", flush=True)
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds), "--out", str(out), "--here"]
    return min(1, subprocess.run(command, check=False, start_new_session=False).returncode)


def _fuzz(name: str, out: Path, seconds: int) -> None:
    try:
        import atheris
    except ImportError:
        sys.exit("Atheris is not installed: make fuzz installs it, as does pip install -e '.[fuzz]'.")
    with atheris.instrument_imports(include=list(ROOT_PACKAGES)):
        fuzzed = target(name)
    inputs, findings = (out / name / "inputs").absolute(), (out / name / "findings").absolute()
    for folder in (inputs, findings):
        folder.mkdir(parents=True, exist_ok=True)

    def once(data: bytes) -> None:
        try:
            fuzzed.run(data, _SLOWER)
        except Violation as violation:  # Atheris reports exceptions only
            raise RuntimeError(str(violation)) from violation

    arguments = [
        sys.argv[0], str(inputs), str(CORPUS / name), f"-max_total_time={seconds}", f"-max_len={fuzzed.largest}",
        f"-artifact_prefix={findings}{os.sep}", "-rss_limit_mb=4096", "-timeout=300", "-print_final_stats=1",
        "-verbosity=1", "-close_fd_mask=0",
    ]  # fmt: skip
    atheris.Setup(arguments, once)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
