"""Inputs of strangers: no crash, no hang, little memory, no file elsewhere, no process; an error is a sentence."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.inputs import changed
from tests.fuzz.targets import CORPUS, NAMES, target

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
INPUTS = [
    pytest.param(name, file.name, id=f"{name}/{file.name}")
    for name in NAMES
    for file in sorted((CORPUS / name).iterdir())
]


@pytest.mark.threat(
    "An input changed at any place makes the analyzer crash, hang, write elsewhere or start a process"
)
@pytest.mark.parametrize(("name", "file"), INPUTS)
def test_an_input_of_the_corpus_is_read_or_refused(name, file):
    target(name).run(target(name).corpus[file])


@pytest.mark.threat(
    "An input changed at any place makes the analyzer crash, hang, write elsewhere or start a process",
    source="recordings, graphs, baselines, pasted text, allow-lists, scenarios, gdb's "
    "output, programs, tarballs, servers, kernel traces, perf records",
    defence="all targets of tests/fuzz are fuzzed under limits that "
    "an audit hook enforces; each finding is a regression test",
)
@pytest.mark.parametrize("name", NAMES)
def test_a_changed_input_is_read_or_refused(name):
    fuzzed = target(name)

    @settings(max_examples=max(1, int(EXAMPLES * fuzzed.share)), suppress_health_check=list(HealthCheck))
    @given(changed(fuzzed.corpus, fuzzed.largest))
    def check(data):
        fuzzed.run(data)

    check()
