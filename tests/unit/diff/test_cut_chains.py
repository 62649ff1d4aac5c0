"""Which chains form a pair when one of them is cut: its outermost functions are unknown."""

from __future__ import annotations

import pytest

from analyzer.diff.chain_pairs import pair_chains
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Chain, ChainStep
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind


def chain(functions, open_ended=False):
    steps = tuple(ChainStep(Function(name, "main"), CallKind.DIRECT, "main.c", 1) for name in functions.split())
    return Chain("goal", "The goal", "", False, 0, "main thread", steps, open_ended)


def pairs(old, new):
    """The functions of the chains that form a pair."""
    found = pair_chains(old, new, SymbolHistory((), ()))
    return [
        tuple(" ".join(step.function.name for step in side.steps) if side else "" for side in (pair.old, pair.new))
        for pair in found
    ]


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_cut_chain_has_the_partner_with_most_innermost_functions_in_common(exchanged):
    cut = [chain("x b c goal", open_ended=True)]
    whole = [chain("x y goal"), chain("main a1 a2 a3 a4 a5 a6 b c goal")]
    found = pairs(whole, cut) if exchanged else pairs(cut, whole)
    partner = ("x b c goal", "main a1 a2 a3 a4 a5 a6 b c goal")
    assert (partner[::-1] if exchanged else partner) in found


def test_a_cut_chain_that_fits_goes_before_one_with_a_longer_common_part():
    whole = [chain("main q a b c goal")]
    cut = [chain("z a b c goal", open_ended=True), chain("c goal", open_ended=True)]
    assert ("main q a b c goal", "c goal") in pairs(whole, cut)
