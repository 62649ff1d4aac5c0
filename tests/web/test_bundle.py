"""The bundle of the report page is what the lock file and the sources give."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import reports
from tests.conftest import need_tool

WEB = Path(reports.__file__).parent / "web"


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory) -> Path:
    """The bundle, made from the packages of the lock file in a folder of its own."""
    npm, node = need_tool("npm"), need_tool("node")
    folder = tmp_path_factory.mktemp("web")
    for name in ("package.json", "package-lock.json", ".npmrc", "bundle.mjs"):
        shutil.copy(WEB / name, folder / name)
    shutil.copytree(WEB / "src", folder / "src")
    subprocess.run([npm, "ci", "--ignore-scripts", "--silent"], cwd=folder, check=True, timeout=300)
    subprocess.run([node, "bundle.mjs"], cwd=folder, check=True, timeout=60, capture_output=True)
    return folder


@pytest.mark.parametrize("name", ["report.js", "report.css"])
def test_the_bundle_is_what_the_lock_file_and_the_sources_give(rebuilt, name):
    assert (WEB / "built" / name).read_bytes() == (rebuilt / "built" / name).read_bytes(), "run make web"


def test_the_lock_file_names_no_host_of_a_registry():
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert not any("resolved" in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name)


def test_the_licence_of_each_bundled_package_is_in_the_bundle(rebuilt):
    script = (WEB / "built" / "report.js").read_text()
    used = {
        re.sub(r"^node_modules/", "", str(folder.relative_to(rebuilt)))
        for folder in (rebuilt / "node_modules").rglob("package.json")
        if f'name:"{json.loads(folder.read_text()).get("name")}"' in script
    }
    sources = "".join(file.read_text() for file in (WEB / "src").rglob("*.js"))
    imported = set(re.findall(r'from "((?:@\w+/)?[\w-]+)"', sources))
    assert {f"{name}/package.json" for name in imported} <= used
