"""What `make matrix` keeps of its recordings besides reports: baselines for tests, comparisons to look at."""

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


def keep_baselines(folders: Mapping[str, Path]) -> None:
    """The baselines of recordings, under the names these are given by."""
    for name, folder in folders.items():
        made = folder.with_name(f"baseline-{name}")
        _run(folder.parent, "baseline", "update", made.name, "--of", folder.name)
        (baseline,) = made.iterdir()
        shutil.copy(baseline, RECORDED / f"{name}.txt")


def write_comparisons(folders: Mapping[str, Path]) -> None:
    """How each recording of a debug build differs from the reference, and each from the version before."""
    versions = [name for name in folders if name.endswith("-debug") and not name.startswith("io-")]
    for name in versions:
        _write(folders[name], REFERENCE, name, f"diff-1.6.0-{name.removesuffix('-debug')}")
    for before, name in pairwise(versions):
        short = [each.removesuffix("-debug") for each in (before, name)]
        _write(folders[name], before, name, f"diff-{short[0]}-{short[1]}")


def _write(folder: Path, old: str, new: str, file: str) -> None:
    for suffix in (".html", ".md"):
        _run(folder.parent, "diff", old, new, "-o", str(GALLERY / f"{file}{suffix}"), differs=True)


def _run(folder: Path, *arguments: str, differs: bool = False) -> None:
    print("analyze", *arguments, flush=True)
    done = subprocess.run([ANALYZE, *arguments], cwd=folder, check=False)
    assert done.returncode == int(differs), f"exit status {done.returncode}"
