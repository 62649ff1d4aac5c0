"""Writes the baselines of `make matrix` into tests/recorded, and its comparisons into reports/gallery."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "reports" / "gallery"
RECORDED = ROOT / "tests" / "recorded"
ANALYZE = Path(sys.executable).with_name("analyze")
REFERENCE = "reference:1.6.0"


def write_baselines(folders: Mapping[str, Path]) -> None:
    """Write the baseline of each output folder to tests/recorded/NAME.txt; `folders` is by name."""
    for name, folder in folders.items():
        made = folder.with_name(f"baseline-{name}")
        _run(folder.parent, "baseline", "update", made.name, "--of", folder.name)
        (baseline,) = made.iterdir()
        shutil.copy(baseline, RECORDED / f"{name}.txt")


def write_comparisons(folders: Mapping[str, Path]) -> None:
    """Compare each recording of a debug build with the reference, and with that of the version before."""
    versions = [name for name in folders if name.endswith("-debug") and not name.startswith("io-")]
    for name in versions:
        _write(folders[name], REFERENCE, name, f"diff-1.6.0-{name.removesuffix('-debug')}")
    for old, new in pairwise(versions):
        short = [name.removesuffix("-debug") for name in (old, new)]
        _write(folders[new], old, new, f"diff-{short[0]}-{short[1]}")


def _write(folder: Path, old: str, new: str, file: str) -> None:
    for suffix in (".html", ".md"):
        _run(folder.parent, "diff", old, new, "-o", str(GALLERY / f"{file}{suffix}"), differs=True)


def _run(folder: Path, *arguments: str, differs: bool = False) -> None:
    print("analyze", *arguments, flush=True)
    done = subprocess.run([ANALYZE, *arguments], cwd=folder, check=False)
    assert done.returncode == int(differs), f"exit status {done.returncode}"
