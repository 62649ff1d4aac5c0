"""What holds for all comparisons."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.writer import write_baseline
from analyzer.diff.align import align
from analyzer.diff.change import NOTES, ChangeKind, NamedGraph
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import NamePattern, SymbolHistory
from analyzer.model.frames import Function
from tests.support.comparisons import NAMES, changes, source

NAME = st.sampled_from(
    ["a", "b", "cpu_new@pc", "x86_cpu_new@x86", "new_cpu@x86", "pc_init_v7_2@pc_piix", "pc_init_v7_2@pc_q35",
     "pc_i440fx_machine_10_0_init@pc_piix", "configure_accelerator", "configure_accelerators", "ioctl@[libc]"]
)  # fmt: skip
ARROW = st.sampled_from([">", "*>", "t>", "i>", ".>", "?>", "=>"])


@st.composite
def line(draw):
    """A chain in the notation."""
    calls = draw(st.lists(st.tuples(ARROW, NAME), max_size=7))
    return " ".join(["main", *(word for call in calls for word in call), ">", "goal"])


LINES = st.lists(line(), min_size=1, max_size=3).map(tuple)
OPPOSITE = {
    ChangeKind.INSERTED: ChangeKind.REMOVED,
    ChangeKind.FUNCTION_ADDED: ChangeKind.FUNCTION_REMOVED,
    ChangeKind.CALL_ADDED: ChangeKind.CALL_REMOVED,
    ChangeKind.CHAIN_ADDED: ChangeKind.CHAIN_REMOVED,
    ChangeKind.IOCTL_ADDED: ChangeKind.IOCTL_REMOVED,
}
OPPOSITE |= {other: kind for kind, other in OPPOSITE.items()}


@given(LINES)
def test_a_graph_does_not_differ_from_itself(lines):
    assert changes(lines, lines) == []


REQUESTS = st.lists(st.sampled_from(["KVM_SET_REGS", "KVM_GET_REGS", "KVM_RUN", "KVM_CREATE_VM"]))


@given(LINES, REQUESTS, st.lists(st.sampled_from(["main thread", "CPU 0/KVM", "CPU 1/KVM"]), min_size=8))
@example(["main > a t> a > a > goal", "main > a i> a > a > goal"], [], ["main thread"] * 8)
def test_a_graph_does_not_differ_from_its_baseline(lines, asked, threads):
    graph = source(*lines, ioctls=asked).graph
    graph.chains = tuple(map(lambda chain, thread: replace(chain, thread=thread), graph.chains, threads))
    graph.ioctls = tuple(map(lambda call, thread: replace(call, thread=thread), graph.ioctls, threads))
    whole, kept = NamedGraph("NEW", graph), NamedGraph("OLD", read_baseline(write_baseline(graph), "baseline"))
    for old, new in ((whole, kept), (kept, whole)):
        diff = compare(old, new, NAMES)
        assert (diff.changes, diff.not_comparable) == ((), ())


@given(LINES, LINES, REQUESTS, REQUESTS)
@example(
    ["main > pc_init_v7_2@pc_piix > a > pc_i440fx_machine_10_0_init@pc_piix > goal"],
    ["main *> pc_init_v7_2@pc_piix > a *> pc_init_v7_2@pc_piix > goal"], [], [],
)  # fmt: skip
def test_the_other_way_round_added_and_removed_are_exchanged(old, new, asked, now_asked):
    old, new = source(*old, ioctls=asked), source(*new, ioctls=now_asked)
    forth, back = compare(old, new, NAMES).changes, compare(new, old, NAMES).changes
    turned = {(OPPOSITE.get(change.kind, change.kind), change.new, change.old, change.after) for change in back}
    # sets: subjects are names of the new side, and two calls that changed alike may have one there and two here
    assert {(c.kind, c.old, c.new, c.after) for c in forth} == turned


@given(line())
def test_not_to_know_how_anything_is_called_is_told_and_makes_no_difference(stack):
    # what is inlined stays so: a function inlined into itself is one step
    unknown = re.sub(r" [^i ]?> ", " ?> ", stack)
    for old, new in ((source(stack), source(unknown)), (source(unknown), source(stack))):
        assert {change.kind for change in compare(old, new, NAMES).changes} <= NOTES
        new.graph.provenance = replace(new.graph.provenance, scenario="import")
        assert "kind-unknown" not in {str(change.kind) for change in compare(old, new, NAMES).changes}


@given(REQUESTS, REQUESTS)
def test_every_request_that_one_side_lacks_is_told(old, new):
    told = changes(source("main > goal", ioctls=[*old, "A"]), source("main > goal", ioctls=[*new, "A"]))
    expected = {f"ioctl-removed {it}" for it in set(old) - set(new)} | {
        f"ioctl-added {it}" for it in set(new) - set(old)
    }
    assert {it for it in told if "reordered" not in it} == expected


@given(LINES, LINES)
def test_both_chains_are_in_the_rows_whole_and_in_order(old, new):
    for chain in compare(source(*old), source(*new), NAMES).chains:
        for side, lines in (("old", old), ("new", new)):
            steps = [step.function.name for row in chain.rows if (step := getattr(row, side))]
            plain = [[word.partition("@")[0] for word in line.split()[::2]] for line in lines]
            assert not steps or _without_partly_inlined(steps) in map(_without_partly_inlined, plain)


@given(LINES, LINES)
def test_what_changed_in_the_rows_is_what_changed_in_the_chain(old, new):
    for chain in compare(source(*old), source(*new), NAMES).chains:
        assert {change.key for row in chain.rows for change in row.changes} <= {c.key for c in chain.changes}


@given(
    st.from_regex(
        r"(?:pc|virt|spapr)_(?:i440fx_|q35_)?(?:machine_|init_)?(?:v?\d_\d_?)*(?:init|options)?", fullmatch=True
    )
)
def test_normalising_twice_changes_nothing(name):
    once = NAMES.canonical_name(name)
    assert NAMES.canonical_name(once) == once


@given(st.lists(st.sampled_from("abcd"), max_size=9), st.lists(st.sampled_from("abcd"), max_size=9))
def test_as_many_are_matched_as_can_be(old, new):
    mine, theirs = ([Function(name, "x") for name in names] for names in (old, new))
    pairs = align(mine, theirs, SymbolHistory())
    assert sum(i is not None and j is not None for i, j in pairs) == _longest_common(old, new)


def test_a_name_is_matched_with_the_patterns_once_however_long_the_chains_are():
    class Counting:
        asked = 0

        def replaced(self, name, template):
            self.asked += 1

    pattern = Counting()
    mine, theirs = ([Function(f"{side}{number}", "x") for number in range(60)] for side in "ab")
    align(mine, theirs, SymbolHistory(patterns=(NamePattern(pattern, ""),)))
    assert pattern.asked == 120


def test_long_chains_are_aligned_and_very_long_ones_at_their_ends_only():
    for length, lonely in ((900, 2), (3000, 3990)):
        mine = [Function(f"f{number}", "x") for number in range(length)]
        theirs = [*mine[: length // 3], *mine[length // 3 + 1 : -5], Function("new", "x"), *mine[-5:]]
        pairs = align(mine, theirs, SymbolHistory())
        assert sum(i is None or j is None for i, j in pairs) == lonely


def _longest_common(old, new):
    best = {(-1, j): 0 for j in range(-1, len(new))} | {(i, -1): 0 for i in range(-1, len(old))}
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            best[i, j] = max(best[i - 1, j], best[i, j - 1], best[i - 1, j - 1] + (one == other))
    return best[len(old) - 1, len(new) - 1]


def _without_partly_inlined(steps):
    """Two equal names in a row may be one function, partly inlined."""
    return [name for position, name in enumerate(steps) if position == 0 or steps[position - 1] != name]
