"""Differences between real QEMUs, whole, against approved files.

The sides are baselines of recordings (`make matrix` writes `tests/recorded`), and the reference that ships. Each
approved file was read and compared with what is known of QEMU's history. `APPROVE=1` accepts what changed.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.baselines.writer import write_baseline
from analyzer.commands.comparison import ComparisonTerms, compare_sources
from analyzer.inputs import open_graph
from analyzer.policy.verdict import Verdict
from reports.text.diff import render

RECORDED = Path(__file__).parents[2] / "recorded"
APPROVED = Path(__file__).parents[1] / "approved"
REFERENCE = "reference:1.6.0"
VERSIONS = ("5.2.0", "7.2.22", "10.0.13")
DIFFERENT = [
    *((REFERENCE, f"{version}-debug") for version in VERSIONS),
    ("5.2.0-debug", "7.2.22-debug"),
    ("7.2.22-debug", "10.0.13-debug"),
    ("5.2.0-release", "10.0.13-release"),
    ("10.0.13-debug", "7.2.22-release"),
    ("io-5.2.0-debug", "io-7.2.22-debug"),
    ("io-7.2.22-debug", "io-10.0.13-debug"),
]
OPTIMISED = [(f"{version}-debug", f"{version}-release") for version in VERSIONS]


def side(name):
    """The recorded baseline of that name, or the reference."""
    return open_graph(name) if name == REFERENCE else replace(open_graph(str(RECORDED / f"{name}.txt")), name=name)


@pytest.mark.parametrize(("old", "new"), [*DIFFERENT, *OPTIMISED])
def test_what_changed_is_what_was_approved(old, new):
    actual = render(compare_sources(side(old), side(new), ComparisonTerms()), width=130)
    file = APPROVED / f"diff-{old.replace(':', '-')}-{new}.txt"
    if os.environ.get("APPROVE") == "1":
        file.write_text(actual)
    assert actual == file.read_text()


@pytest.mark.parametrize(("one", "other"), OPTIMISED)
def test_a_debug_and_a_release_build_of_one_version_do_not_differ(one, other):
    for old, new in ((one, other), (other, one)):
        assert compare_sources(side(old), side(new), ComparisonTerms()).verdict is Verdict.SAME


@pytest.mark.parametrize(("old", "new"), DIFFERENT)
def test_versions_differ_both_ways(old, new):
    for before, now in ((old, new), (new, old)):
        assert compare_sources(side(before), side(now), ComparisonTerms()).verdict is Verdict.DIFFERS


@pytest.mark.parametrize("file", sorted(RECORDED.glob("*.txt")), ids=lambda file: file.stem)
def test_each_is_read_back_as_it_was(file):
    assert write_baseline(open_graph(str(file)).graph) == file.read_text()
    assert compare_sources(open_graph(str(file)), open_graph(str(file)), ComparisonTerms()).verdict is Verdict.SAME
