"""Graphs with very many chains: the work grows with the rows of the chains, not with pairs of chains."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

import analyzer.diff.aligned_chains
import analyzer.diff.chain_pairs
import reports.text.chain_rows
from analyzer.diff.chain_pairs import count_known_rows
from analyzer.diff.change import AlignedRow, ChainDiff, NamedGraph
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import CallGraph, Chain, ChainStep, Node, Provenance
from analyzer.graph.json_format import from_json, to_json
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind
from reports.sanitize import map_texts
from reports.text.chain_rows import earlier_chain_titles


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


def graph_of_many(count, renamed=""):
    """A graph with `count` chains of 6 functions: all but the last two of each are those of every chain."""
    shared = ["main", "init", renamed or "start", "loop"]
    result = CallGraph(Provenance("tool", "startup", "7.2.0", "", "kvm", "tiny", complete=True))
    for name in dict.fromkeys([*shared, *(f"f{number}" for number in range(count)), "goal"]):
        result.put(Node(Function(name, "main"), "main.c", 1))
    steps = [
        ChainStep(Function(n, "main"), CallKind.DIRECT if i else None, "main.c", i) for i, n in enumerate(shared)
    ]
    goal = ChainStep(Function("goal", "main"), CallKind.DIRECT, "main.c", 9)
    result.chains = tuple(
        Chain("goal", "The goal", "", True, 0, "main thread", (
            *steps, ChainStep(Function(f"f{number}", "main"), CallKind.DIRECT, "main.c", 5), goal,
        ))
        for number in range(count)
    )  # fmt: skip
    return result


def rows_of_equal_content(diff):
    rows = [row for chain in diff.chains for row in chain.rows]
    return len(rows), len({id(row) for row in rows}), len({(row.old, row.new, row.changes) for row in rows})


def test_rows_of_the_common_beginning_are_compared_once_for_all_chains(monkeypatch):
    compared = []
    original = analyzer.diff.aligned_chains.pointer_change

    def counted(old, new, names):
        compared.append(new)
        return original(old, new, names)

    monkeypatch.setattr(analyzer.diff.aligned_chains, "pointer_change", counted)
    sides = [from_json(to_json(graph_of_many(300)), "g") for _ in range(2)]
    diff = compare(NamedGraph("old", sides[0]), NamedGraph("new", sides[1]), SymbolHistory())
    assert len(diff.chains) == 300
    assert len(compared) == 4 + 300 + 1  # without sharing: 300 chains of 6 rows


def test_chains_share_the_rows_that_only_one_side_has():
    sides = [from_json(to_json(graph_of_many(300, renamed)), "g") for renamed in ("begin", "other")]
    diff = compare(NamedGraph("old", sides[0]), NamedGraph("new", sides[1]), SymbolHistory())
    rows, objects, contents = rows_of_equal_content(diff)
    assert rows == 300 * 7
    assert objects == contents == 3 + 2 + 300 + 1


def test_chains_that_are_read_share_equal_steps():
    chains = from_json(to_json(graph_of_many(300)), "g").chains
    assert len({id(step) for chain in chains for step in chain.steps}) == 4 + 300 + 1


def test_each_row_is_looked_at_once_to_find_the_chain_with_the_known_rows(monkeypatch):
    seen = []
    original = reports.text.chain_rows._functions

    def counted(row):
        seen.append(row)
        return original(row)

    monkeypatch.setattr(reports.text.chain_rows, "_functions", counted)
    chains = count_known_rows([chain([f"f{number % 7}", f"g{number}", "goal"]) for number in range(300)])
    assert earlier_chain_titles(chains) == [""] * 7 + ["The goal"] * 293
    assert len(seen) == 900


@given(st.lists(st.text("ab", max_size=4), max_size=8))
def test_the_title_is_that_of_the_first_earlier_chain_with_the_known_rows(made):
    chains = count_known_rows([replace(chain(functions), title=f"title {functions}") for functions in made])
    for position, title in enumerate(earlier_chain_titles(chains)):
        known = chains[position].known
        begun = [f"title {other}" for other in made[:position] if other[:known] == made[position][:known]]
        assert title == (begun[0] if known else "")


def test_texts_of_shared_rows_are_sanitized_once():
    changed = []
    shared = chain(["main", "init", "goal"])

    def upper(text):
        changed.append(text)
        return text.upper()

    copies = map_texts([replace(shared, title=f"title {number}") for number in range(300)], upper)
    names = [[row.old.function.name for row in copy.rows] for copy in copies]
    assert names == [["MAIN", "INIT", "GOAL"]] * 300
    assert len({id(copy.rows) for copy in copies}) == 1
    assert len(changed) == len(set(changed))


def test_chains_to_one_milestone_share_their_changes():
    sides = [from_json(to_json(graph_of_many(300, renamed)), "g") for renamed in ("begin", "other")]
    diff = compare(NamedGraph("old", sides[0]), NamedGraph("new", sides[1]), SymbolHistory())
    changes = [change for chain in diff.chains for change in chain.changes]
    assert len(changes) == 600
    assert len({id(change) for change in changes}) == 2


def test_rows_that_chains_share_are_looked_at_once_to_count_known_rows(monkeypatch):
    seen = []
    original = analyzer.diff.chain_pairs._content

    def counted(row):
        seen.append(row)
        return original(row)

    monkeypatch.setattr(analyzer.diff.chain_pairs, "_content", counted)
    sides = [from_json(to_json(graph_of_many(300)), "g") for _ in range(2)]
    diff = compare(NamedGraph("old", sides[0]), NamedGraph("new", sides[1]), SymbolHistory())
    assert [chain.known for chain in diff.chains] == [0] + [4] * 299
    assert len(seen) == 4 + 300 + 1
