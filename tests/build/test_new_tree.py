"""Trees since 5.2: a private meson, placeholders for firmware, builds that are interrupted, shared, and pruned."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.build.build_or_fetch import build_or_fetch
from analyzer.build.cache import Cache
from analyzer.build.cache_entries import cache_entries, prune
from analyzer.build.provenance import PROVENANCE_FILE
from analyzer.build.request import BuildSettings, LocalSource
from analyzer.errors import AnalyzerError, UsageError
from tests.build.conftest import HERE
from tests.conftest import ANALYZE

Start = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private environment, made once for all tests here."""
    return tmp_path_factory.mktemp("shared") / "tools"


@pytest.fixture
def cache(tmp_path: Path, tools: Path) -> Cache:
    cache = Cache(tmp_path / "qemu-callchain")
    cache.folder.mkdir()
    tools.mkdir(exist_ok=True)
    cache.tools.symlink_to(tools)
    return cache


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """While this file exists a build does not get past its middle."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / "closed"


def new_tree(folder: Path) -> Path:
    shutil.copytree(HERE / "newtree", folder)
    return folder


@pytest.fixture
def start(cache: Cache) -> Iterator[Start]:
    """Starts `analyze build` of a tree with the cache of the test; what still runs at its end is ended."""
    with contextlib.ExitStack() as running:

        def start(tree: Path) -> subprocess.Popen[str]:
            environment = {**os.environ, "XDG_CACHE_HOME": str(cache.folder.parent)}  # as it is now, with the gate
            command = [ANALYZE, "build", "--source", tree]
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            running.enter_context(process)
            running.callback(process.terminate)
            return process

        yield start


def at_work_in(folder: Path) -> list[str]:
    """Processes, whoever their parent is, that run in or below the folder."""
    found = []
    for cwd in (folder / "cwd" for folder in Path("/proc").iterdir() if folder.name.isdigit()):
        with contextlib.suppress(OSError):
            if cwd.readlink().is_relative_to(folder):
                found.append((cwd.parent / "cmdline").read_text())
    return found


def wait_for_compiling(cache: Cache) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if list(cache.builds.rglob("*hw.c.o")):
            return
        time.sleep(0.05)
    raise AssertionError("the build did not begin")


def test_a_private_meson_of_the_releases_own_series_builds_it(cache, reporter, tmp_path):
    built = build_or_fetch(LocalSource(new_tree(tmp_path / "tree")), BuildSettings(), cache, reporter)
    said = subprocess.run([built.program], capture_output=True, text=True, check=True).stdout
    assert said == "QEMU emulator version 7.2.99, 6 parts, gate 1\n"
    assert "meson==0.61.5" in built.provenance["python packages"].split()
    assert "--meson=$TOOLS/bin/meson" in built.provenance["configure"]
    assert "--without-default-features" in built.provenance["configure"]
    assert ("Linking", 15, 15) in reporter.steps
    assert "3 firmware files are missing" in " ".join(reporter.sentences)


def test_the_tree_itself_is_only_read(cache, reporter, tmp_path):
    tree = new_tree(tmp_path / "tree")
    before = sorted(path.relative_to(tree) for path in tree.rglob("*"))
    build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    assert sorted(path.relative_to(tree) for path in tree.rglob("*")) == before


def test_ctrl_c_stops_at_once_leaves_nothing_running_and_the_next_run_goes_on(cache, start, tmp_path, gate):
    tree = new_tree(tmp_path / "tree")
    gate.touch()
    running = start(tree)
    wait_for_compiling(cache)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "interrupted" in said
    assert not at_work_in(cache.builds)
    assert not list(cache.builds.rglob(PROVENANCE_FILE))
    gate.unlink()
    again = start(tree)
    out, said = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert "resumed" in said
    assert "Configuring" not in said
    assert subprocess.run([out.strip()], capture_output=True, text=True, check=True).stdout.startswith("QEMU")
    log = next(
        path for path in cache.logs.glob("7.2.99-debug-*.log") if not path.stem.endswith("tools")
    ).read_text()
    before, _, after = log.rpartition("$ ninja")
    assert "hw.c.o" in before
    assert "hw.c.o" not in after


def test_a_build_without_its_build_json_is_not_used(cache, reporter, tmp_path):
    tree = new_tree(tmp_path / "tree")
    built = build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    (cache.builds / built.name / PROVENANCE_FILE).unlink()
    assert build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter).fresh


SPOILT = {
    "half written": lambda program: program.write_bytes(b"\x7fELF"),
    "another one": lambda program: program.write_bytes(Path(sys.executable).resolve().read_bytes()),
    "stripped": lambda program: subprocess.run(["strip", program], check=True),
    "not executable": lambda program: program.chmod(0o644),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_program_that_is_not_the_one_of_build_json_is_not_used(spoil, cache, reporter, tmp_path):
    tree = new_tree(tmp_path / "tree")
    built = build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    spoil(built.program)
    again = build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    assert again.fresh
    said = subprocess.run([again.program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("QEMU emulator version")


def test_two_at_once_build_once(cache, start, tmp_path, gate):
    tree = new_tree(tmp_path / "tree")
    gate.touch()
    first, second = start(tree), start(tree)
    wait_for_compiling(cache)
    time.sleep(0.5)
    gate.unlink()
    answers = [process.communicate(timeout=90) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    said = [answer[1] for answer in answers]
    assert sum("Built QEMU" in text for text in said) == 1
    assert any("Waiting for another process" in text for text in said)


def test_a_failure_leaves_the_cache_as_it_was(cache, reporter, tmp_path):
    tree = new_tree(tmp_path / "tree")
    (tree / "main.c").write_text("#include <glib.h>\n#error stop\n")
    with pytest.raises(AnalyzerError, match="ninja failed"):
        build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    assert not list(cache.builds.iterdir())
    (tree / "main.c").write_text((HERE / "newtree/main.c").read_text())
    build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)


@pytest.mark.parametrize(("broken", "says"), [("mkdir", "disk is full"), ("compile", "XDG_CACHE_HOME")])
def test_a_full_disk_is_named(broken, says, cache, reporter, tmp_path, monkeypatch):
    tree = new_tree(tmp_path / "tree")
    if broken == "compile":
        (tree / "gate.sh").write_text("#!/bin/sh\necho 'write error: No space left on device' >&2\nexit 1\n")
    else:

        def full(*_):
            raise OSError(28, "No space left on device", str(cache.folder))

        monkeypatch.setattr("analyzer.build.local_tree.copy_tree", full)
    with pytest.raises(AnalyzerError) as error:
        build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    assert says in error.value.message + error.value.hint
    assert not (cache.builds.is_dir() and list(cache.builds.iterdir()))


def test_the_list_and_what_pruning_removes(cache, reporter, tmp_path):
    tree = new_tree(tmp_path / "tree")
    built = build_or_fetch(LocalSource(tree), BuildSettings(), cache, reporter)
    cache.downloads.mkdir()
    (cache.downloads / "qemu-1.6.0.tar.bz2.rejected").write_bytes(b"x" * 5000)
    (cache.builds / "7.0.0-debug-00000000").mkdir()
    (cache.folder / "qemu-distribution").mkdir()
    kinds = {entry.name: (entry.kind, entry.needed) for entry in cache_entries(cache)}
    assert kinds[built.name] == ("build", True)
    assert next(entry for entry in cache_entries(cache) if entry.name == built.name).size > 10_000
    removed = {entry.name for entry in prune(cache, [])}
    assert removed == {"qemu-1.6.0.tar.bz2.rejected", "7.0.0-debug-00000000", "qemu-distribution"}
    assert {entry.name for entry in prune(cache, [built.name])} == {built.name}
    assert [entry.kind for entry in prune(cache, [])] == ["source"]
    with pytest.raises(UsageError, match="'no-such' is not in the cache"):
        prune(cache, ["no-such"])


def test_pruning_leaves_what_another_process_builds(cache, start, tmp_path, gate):
    gate.touch()
    running = start(new_tree(tmp_path / "tree"))
    wait_for_compiling(cache)
    assert not prune(cache, [])
    assert not prune(cache, ["build", "source", "tools"])
    gate.unlink()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 0, said


def test_no_environment_without_a_package_index(cache, reporter, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")
    lonely = Cache(tmp_path / "lonely")
    with pytest.raises(AnalyzerError, match="pip could not install"):
        build_or_fetch(LocalSource(new_tree(tmp_path / "tree")), BuildSettings(), lonely, reporter)
    assert not list(lonely.builds.rglob("*")) if lonely.builds.exists() else True
