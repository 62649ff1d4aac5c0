"""The distribution's QEMU, really built: its build provenance, which recordings and reports repeat."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from analyzer.adapters.elf import read_elf
from analyzer.build.provenance import provenance_of
from analyzer.graph.json_format import from_json
from tests.conftest import ANALYZE, need_tool
from tests.support.definitions import read_recording
from tests.support.pages import page_texts


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, check=True, timeout=590)


@pytest.fixture(scope="module")
def built() -> Path:
    """The distribution's newest, with debug information; built now where the cache has none."""
    need_tool("apt-get")
    return Path(analyze("build", "distribution").stdout.strip())


def test_it_is_a_program_with_debug_information_and_a_birth_certificate(built):
    facts = read_elf(built)
    assert facts.has_debug_info
    certificate = provenance_of(built, facts.build_id)
    assert certificate["profile"] == "debug"
    assert certificate["verified"] == "by apt, against the distribution's signed index"
    assert certificate["source"].endswith(".dsc")
    assert "--enable-debug" in certificate["configure"].split()
    assert "-fno-optimize-sibling-calls" in certificate["flags"]
    assert certificate["compiler"]
    log = Path(certificate["log"]).read_text()
    assert "Linking target qemu-system-x86_64" in log
    version = subprocess.run([built, "--version"], capture_output=True, text=True, check=True).stdout
    assert certificate["version"] in version


def test_the_same_question_again_takes_less_than_a_second(built):
    began = time.monotonic()
    answer = analyze("build", "distribution")
    assert time.monotonic() - began < 1
    assert answer.stdout.strip() == str(built)
    assert not answer.stderr


def test_a_recording_by_version_carries_the_certificate_into_graph_and_report(built, tmp_path):
    done = analyze("startup", "--version", "distribution", "--out", tmp_path / "run")
    assert f"Report: {tmp_path / 'run' / 'report.html'}" in done.stdout
    recording = read_recording(tmp_path / "run")
    assert recording.header.build == provenance_of(built, recording.header.build_id)
    graph = from_json((tmp_path / "run" / "graph.json").read_text(), "graph.json")
    assert graph.provenance.build["source sha256"] == recording.header.build["source sha256"]
    shown = page_texts(tmp_path / "run" / "report.html")
    for fact in ("source sha256", "verified", "configure", "compiler", "flags", "build_id", "seconds", "log"):
        assert str(recording.header.build[fact]) in shown


def test_the_cache_is_listed(built):
    out = analyze("build", "--list").stdout
    assert built.parent.parent.name in out
    assert "GiB" in out or "MiB" in out
