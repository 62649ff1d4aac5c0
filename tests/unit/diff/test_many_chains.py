"""Graphs with very many chains: the work grows with the rows of the chains, not with pairs of chains."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import analyzer.diff.chain_pairs
from analyzer.diff.chain_pairs import count_known_rows
from analyzer.diff.change import AlignedRow, ChainDiff
from analyzer.graph.call_graph import ChainStep
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind


def chain(functions, target=True):
    steps = [ChainStep(Function(name, "main"), CallKind.DIRECT, "main.c", 1) for name in functions]
    return ChainDiff("goal", "The goal", target, "main", "main", tuple(AlignedRow(s, s) for s in steps), ())


def common(functions, others):
    shorter = min(len(functions), len(others))
    return next((i for i in range(shorter) if functions[i] != others[i]), shorter)


@given(st.lists(st.tuples(st.text("ab", max_size=4), st.booleans()), max_size=8))
def test_rows_are_known_when_an_earlier_chain_that_is_shown_begins_with_them(made):
    counted = count_known_rows([chain(functions, target) for functions, target in made])
    for position, (functions, target) in enumerate(made):
        earlier = [other for other, shown in made[:position] if shown or not target]
        assert counted[position].known == max((common(functions, other) for other in earlier), default=0)


def test_each_row_is_looked_at_once(monkeypatch):
    seen = []
    original = analyzer.diff.chain_pairs._content

    def counted(row):
        seen.append(row)
        return original(row)

    monkeypatch.setattr(analyzer.diff.chain_pairs, "_content", counted)
    count_known_rows([chain([f"f{number % 7}", f"g{number}", "goal"]) for number in range(300)])
    assert len(seen) == 900
