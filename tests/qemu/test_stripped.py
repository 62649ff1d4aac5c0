"""A stripped QEMU, as distributions have it, is recorded with its debug file as the whole one."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from analyzer.adapters.elf import debug_sections
from tests.conftest import need_tool
from tests.qemu.conftest import startup
from tests.support.debuginfod_server import debuginfod_server


@pytest.fixture(scope="module")
def parts(qemu, tmp_path_factory):
    """A folder with three folders: QEMU without its build.json, QEMU stripped, and its debug file."""
    folder = tmp_path_factory.mktemp("parts")
    for name in ("whole", "stripped", "debug"):
        (folder / name).mkdir()
    whole, stripped, debug = (
        folder / "whole" / "qemu",
        folder / "stripped" / "qemu",
        folder / "debug" / "qemu.debug",
    )
    shutil.copy(qemu, whole)
    subprocess.run([need_tool("objcopy"), "--only-keep-debug", whole, debug], check=True)
    subprocess.run([need_tool("strip"), "-o", stripped, whole], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", stripped], check=True)
    return folder


@pytest.fixture(scope="module")
def whole(parts):
    run = startup(parts / "whole" / "qemu", parts / "whole-out")
    assert run.status == 0, run.out + run.err
    return (run.folder / "graph.json").read_text()


def test_with_its_debug_file_here_functions_files_lines_and_pointers_are_the_same(parts, whole):
    run = startup(parts / "stripped" / "qemu", parts / "linked", "--debug-directory", str(parts / "debug"))
    assert run.status == 0, run.out + run.err
    assert f"Debug information: {parts / 'debug' / 'qemu.debug'}" in run.out
    assert (run.folder / "graph.json").read_text() == whole


def test_with_its_debug_file_on_a_server_they_are_the_same_and_the_progress_is_shown(parts, whole, monkeypatch):
    need_tool("debuginfod-find")
    monkeypatch.setenv("DEBUGINFOD_CACHE_PATH", str(parts / "cache"))
    build_id = debug_sections(parts / "stripped" / "qemu").build_id
    with debuginfod_server(parts / "debug", parts / "scratch", build_id) as url:
        monkeypatch.setenv("DEBUGINFOD_URLS", url)
        run = startup(parts / "stripped" / "qemu", parts / "served", "--debuginfod")
    assert run.status == 0, run.out + run.err
    assert "Downloading debug information: [" in run.out
    assert (run.folder / "graph.json").read_text() == whole
