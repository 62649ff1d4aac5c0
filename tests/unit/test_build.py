"""Setting up: options by asking, a private apt configuration, and a wheel that is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from analyzer.build.apt import source_entries
from analyzer.build.options import choose_options

ROOT = Path(__file__).parents[2]
NEW_HELP = """
  --target-list=LIST       set target list (default: build all)
  --without-default-features default all --enable-* options to "disabled"
  --enable-debug           enable common debug build options
  --disable-install-blobs  install provided firmware blobs

Optional features, enabled with --enable-FEATURE and
disabled with --disable-FEATURE

  docs            Documentations build support
  guest-agent     Build QEMU Guest Agent
  kvm             KVM acceleration support
  slirp-smbd      use smbd (at path --smbd=*) in slirp networking
  tcg             TCG support
"""
OLD_HELP = """
  --target-list=LIST       set target list [all]
  --disable-kvm            disable KVM acceleration support
  --enable-kvm             enable KVM acceleration support
  --disable-docs           disable documentation build
  --enable-debug           enable common debug build options
  --disable-tools          disable building the tools
"""


def test_only_options_that_are_offered_are_used():
    assert choose_options(NEW_HELP) == [
        "--target-list=x86_64-softmmu",
        "--without-default-features",
        "--enable-kvm",
        "--enable-tcg",
        "--enable-debug",
        "--disable-docs",
        "--disable-guest-agent",
        "--disable-install-blobs",
    ]
    assert choose_options(OLD_HELP) == [
        "--target-list=x86_64-softmmu",
        "--enable-kvm",
        "--enable-debug",
        "--disable-docs",
        "--disable-tools",
    ]


def test_source_entries_come_from_the_hosts_own_archives_only():
    targets = (
        "Debian|http://mirror.example/debian|bookworm|main\n"
        "Debian|http://mirror.example/debian|bookworm|main\n"
        "Somebody|http://elsewhere.example/x|stable|main\n"
    )
    entries = source_entries(targets)
    assert len(entries) == 1
    assert entries[0].startswith("deb-src ")
    assert entries[0].endswith("http://mirror.example/debian bookworm main")


def test_what_runs_inside_gdb_imports_the_standard_library_and_gdb_only():
    allowed = sys.stdlib_module_names | {"gdb", "gdbscripts"}
    for file in (ROOT / "gdbscripts").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_all_that_running_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "gdbscripts/bootstrap.py",
        "reports/templates/report.html",
        "reports/templates/report.js",
        "analyzer/scenarios/startup.toml",
        "analyzer/guest/tiny.bin",
    } <= names
    assert not any(name.startswith(("tests", "reports/gallery")) for name in names)


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from pathlib import Path\n"
        "import analyzer.adapters.gdb, reports.html, analyzer.scenarios\n"
        f"assert analyzer.__file__.startswith({str(tmp_path)!r})\n"
        "assert analyzer.adapters.gdb.BOOTSTRAP.exists()\n"
        "analyzer.scenarios.load_scenario('startup', 'kvm')\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, cwd=tmp_path)
