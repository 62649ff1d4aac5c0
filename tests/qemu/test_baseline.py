"""Baselines of a real QEMU: two recordings of it give the same bytes, and nothing differs."""

from __future__ import annotations

import os
import subprocess

from tests.conftest import ANALYZE, other_user
from tests.qemu.conftest import command, startup


def test_another_user_elsewhere_with_another_heap_gets_the_same_baseline(qemu, run, tmp_path):
    heap = {"MALLOC_TOP_PAD_": "1048576", "MALLOC_MMAP_THRESHOLD_": "4096", "FILLER": "x" * 5000}
    environment = {**os.environ, "HOME": str(tmp_path), **heap}
    line = [*other_user(), *command(qemu, tmp_path / "again")]
    subprocess.run(line, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=180)
    folders = {"first": run.folder, "again": tmp_path / "again"}
    for name, folder in folders.items():
        baseline = [ANALYZE, "baseline", "update", tmp_path / f"baseline-{name}", "--of", folder]
        subprocess.run(baseline, check=True, capture_output=True, timeout=60)
    (first,), (again,) = ([*(tmp_path / f"baseline-{name}").iterdir()] for name in folders)
    assert first.name == again.name
    assert first.read_bytes() == again.read_bytes()
    check = [ANALYZE, "baseline", "check", tmp_path / "baseline-first", "--of", tmp_path / "again"]
    subprocess.run(check, check=True, capture_output=True, timeout=60)


def test_it_has_a_name_for_the_arguments_and_does_not_tell_where_a_disk_is(qemu, tmp_path):
    kept = []
    for name in ("here", "there"):
        disk = tmp_path / name / "disk.img"
        disk.parent.mkdir()
        disk.write_bytes(bytes(1 << 20))
        folder = tmp_path / f"out-{name}"
        assert startup(qemu, folder, "--no-pointers", qemu_arguments=["-hda", str(disk)]).status == 0
        baseline = [ANALYZE, "baseline", "update", tmp_path / f"baseline-{name}", "--of", folder]
        subprocess.run(baseline, check=True, capture_output=True, timeout=60)
        kept += (tmp_path / f"baseline-{name}").iterdir()
    here, there = kept
    assert here.name == there.name and here.name.endswith("-hda_PATH.txt")
    assert here.read_bytes() == there.read_bytes()
