"""What a row of aligned chains shows of a function."""

from __future__ import annotations

import pytest

from analyzer.graph.call_graph import ChainStep
from analyzer.model.frames import Function
from reports.text.chain_rows import step_file


@pytest.mark.parametrize(
    ("where", "file", "defined_in", "shown"),
    [
        ("kvm-all", "include/boards.h", "accel/kvm/kvm-all.c", "accel/kvm/kvm-all.c"),
        ("kvm-all", "accel/kvm/kvm-all.c", "", "accel/kvm/kvm-all.c"),
        ("pc_piix", "", "", "pc_piix"),
        ("[libc]", "", "", "[libc]"),
    ],
)
def test_the_file_of_a_function_is_the_one_that_defines_it(where, file, defined_in, shown):
    step = ChainStep(Function("f", where), None, file, 24, defined_in=defined_in)
    assert step_file(step) == shown
