"""What is installed, built and shipped: locked versions, licences, a reproducible wheel, the table of threats."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from importlib.metadata import distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from analyzer.toml import parse_toml
from tests.support.tables import check_table, markdown_table, rows

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / ".ci" / "locks"
FILES = sorted(LOCKS.glob("*.txt"))
PROJECT = parse_toml((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
SOURCES = ("analyzer", "gdbscripts", "reports", "pyproject.toml", "README.md", "LICENSE")
_ENTRY = re.compile(
    r"([a-z0-9-]+)(?:\[[a-z0-9,-]+\])?==(\S+)(?: ; (.+))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
)


def packages(lock):
    """The packages of a lock file: name to versions; also asserts that it has nothing else."""
    text = lock.read_text()
    rest = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    found = {}
    for match in _ENTRY.finditer(rest):
        found.setdefault(match[1], set()).add(match[2])
    assert not _ENTRY.sub("", rest), f"{lock.name} has more than packages with hashes"
    return found


def test_there_is_a_lock_for_each_extra():
    assert {file.stem for file in FILES} == {*EXTRAS, "run", "minimum"}


@pytest.mark.threat(
    "A package of the index is exchanged",
    source="the package index",
    defence="make and CI install versions and contents that lock files name",
)
@pytest.mark.parametrize("lock", FILES, ids=lambda file: file.stem)
def test_every_locked_package_has_a_version_and_hashes(lock):
    assert packages(lock)


@pytest.mark.parametrize("lock", FILES, ids=lambda file: file.stem)
def test_a_lock_names_no_index(lock):
    assert not re.search(r"://|--(?!hash=)|file:", lock.read_text().replace("--require-hashes", ""))


@pytest.mark.parametrize("lock", FILES, ids=lambda file: file.stem)
def test_a_lock_has_what_the_project_asks_for_and_a_version_that_it_allows(lock):
    extra = EXTRAS.get("test" if lock.stem == "minimum" else lock.stem, [])
    locked = packages(lock)
    for text in (*PROJECT["dependencies"], *extra):
        wanted = Requirement(text)
        versions = locked.get(canonicalize_name(wanted.name))
        assert versions, f"{lock.name} lacks {wanted.name}: run make lock"
        assert all(map(wanted.specifier.contains, versions)), f"{wanted} is not in {lock.name}: run make lock"


def test_the_minimum_is_what_the_project_says():
    locked = packages(LOCKS / "minimum.txt")
    for text in PROJECT["dependencies"]:
        wanted = Requirement(text)
        lowest = next(iter(wanted.specifier)).version
        [found] = locked[canonicalize_name(wanted.name)]
        assert re.sub(r"(\.0)+$", "", found) == re.sub(r"(\.0)+$", "", lowest), wanted


@pytest.mark.threat("A package of the index is exchanged")
def test_make_installs_what_the_locks_name_only():
    """The project itself is installed without its dependencies, which the lock has."""
    makefile = (ROOT / "Makefile").read_text()
    installs = [line for line in makefile.splitlines() if line.startswith("\t") and "INSTALL" in line]
    assert installs
    for line in installs:
        assert "$(INSTALL_LOCKED)" in line or "--no-deps --no-build-isolation" in line, line
    assert "pip install" not in re.sub(r"(?m)^(#|INSTALL).*$", "", makefile)


def build_wheel(tree, folder, at):
    """Build the wheel of a copy of the sources in `tree`, whose files are as old as `at` says."""
    tree.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tree / name)
    for path in tree.rglob("*"):
        os.utime(path, (at, at))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": str(int(at) % 1000)}
    subprocess.run([*command, folder, tree], check=True, env=environment)
    return next(folder.glob("*.whl")).read_bytes()


@pytest.mark.threat(
    "The wheel is not made of these sources",
    source="the machine that builds it",
    defence="the same sources give the same bytes, wherever and whenever they are built",
)
def test_two_builds_of_one_tree_are_equal(tmp_path):
    """In folders of other names and lengths, of files with other times, a moment later."""
    one = build_wheel(tmp_path / "a", tmp_path / "one", time.time())
    time.sleep(2.1)  # a time in a ZIP file counts two seconds
    other = build_wheel(tmp_path / "a-longer-name" / "b", tmp_path / "other", 1_000_000_000)
    assert one == other


def licence(name):
    """The licence that a package declares: its expression, else its classifiers, else its text field."""
    about = distribution(name).metadata
    if expression := about.get("License-Expression"):
        return expression
    classifiers = [
        text.rpartition(" :: ")[2] for text in about.get_all("Classifier", []) if text.startswith("License")
    ]
    return ", ".join(sorted(classifiers)) or (about.get("License") or "not declared").splitlines()[0]


def test_the_licences_of_what_is_installed_are_listed():
    """Those of the packages that an installation of the program has; `APPROVE=1` writes them."""
    locked = packages(LOCKS / "run.txt")
    locked.pop("tomli", None)  # only for Python 3.10: MIT
    table = "| package | licence |\n|---|---|\n"
    for name in sorted(locked):
        if version(name) not in locked[name]:
            pytest.skip(f"{name} {version(name)} is installed, and another version is locked")
        table += f"| {name} | {licence(name)} |\n"
    table += "| tomli (for Python 3.10) | MIT |\n"
    check_table(ROOT / "docs" / "security.md", "licences", table)


def test_the_table_of_threats_is_what_the_tests_show():
    table = markdown_table(rows("threat"), "threat", {"source": "from", "defence": "what holds"})
    check_table(ROOT / "docs" / "security.md", "threats", table)
