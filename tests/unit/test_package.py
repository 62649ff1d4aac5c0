"""What is shipped: the part that runs inside gdb stands alone, and the wheel is whole."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, ROOT], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_all_that_running_needs(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "gdbscripts/bootstrap.py",
        "reports/export/recording.schema.json",
        "reports/templates/head.html",
        "reports/templates/report.html",
        "reports/web/built/report.js",
        "reports/web/built/report.css",
        "analyzer/recording/scenarios/startup.toml",
        "analyzer/recording/tiny_guest/tiny.bin",
        "analyzer/kvm/capabilities.toml",
        "analyzer/kvm/exits.toml",
        "analyzer/kvm/requests.toml",
        "analyzer/kvm/values.toml",
        "analyzer/build/releases.toml",
        "analyzer/build/configure_options.toml",
        "analyzer/build/host_packages.toml",
        "analyzer/build/failure_remedies.toml",
        "analyzer/build/packages.sh",
        "analyzer/ci/callchain.sh",
        "analyzer/ci/github.yml",
        "analyzer/ci/gitlab.yml",
        "analyzer/backtraces/references/qemu-1.6.0.txt",
        "analyzer/backtraces/references/references.toml",
    } <= names
    assert not any(name.startswith(("tests", "reports/gallery")) for name in names)


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from pathlib import Path\n"
        "import analyzer.adapters.gdb, reports.html.render, analyzer.recording.scenarios\n"
        "import analyzer.build.releases\n"
        "import analyzer.kvm.requests\n"
        f"assert analyzer.__file__.startswith({str(tmp_path)!r})\n"
        "assert analyzer.adapters.gdb.BOOTSTRAP.exists()\n"
        "analyzer.recording.scenarios.load_scenario('startup', 'kvm')\n"
        "analyzer.build.releases.pinned_versions()\n"
        "assert analyzer.kvm.requests.name_of(0xae80) == 'KVM_RUN'\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, cwd=tmp_path)
