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


@pytest.mark.parametrize(("name", "file"), INPUTS)
def test_an_input_of_the_corpus_is_read_or_refused(name, file):
    target(name).run(target(name).corpus[file])


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_input_is_read_or_refused(name):
    fuzzed = target(name)

    @settings(max_examples=max(1, int(EXAMPLES * fuzzed.share)), suppress_health_check=list(HealthCheck))
    @given(changed(fuzzed.corpus, fuzzed.largest))
    def check(data):
        fuzzed.run(data)

    check()
