"""Targets, and the marks of figures."""

from __future__ import annotations

import pytest

from tests.bench import bulk_group, recordings_group, startup_group
from tests.bench.__main__ import GROUPS
from tests.bench.figures import Figure, Row
from tests.bench.profilers import GPROF2DOT
from tests.bench.recording_steps import GRAPH, MERGE, SHOW_FIRST
from tests.bench.recordings_table import SizeResult, size_figures
from tests.bench.targets import MET, NO_TARGET, NOT_MEASURED, NOT_MET, Target, judge, read_targets

AT_MOST, AT_LEAST = Target("bulk: a", at_most=1.5), Target("bulk: b", at_least=8)


@pytest.mark.parametrize(
    ("target", "value", "mark"),
    [
        (AT_MOST, 1.4, MET),
        (AT_MOST, 1.5, MET),
        (AT_MOST, 1.51, NOT_MET),
        (AT_LEAST, 8.1, MET),
        (AT_LEAST, 8.0, MET),
        (AT_LEAST, 7.9, NOT_MET),
    ],
)
def test_a_limit_is_within(target, value, mark):
    assert [each.mark for each in judge([Figure(target.figure, value)], [target], ["bulk"])] == [mark]


def test_a_figure_without_a_target_has_no_mark():
    judged = judge([Figure("bulk: c", 1.0)], [AT_MOST], [])
    assert [(each.target, each.mark) for each in judged] == [(None, NO_TARGET)]


def test_a_figure_that_could_not_be_measured_is_never_met():
    judged = judge([Figure("bulk: b", None, missing="no perf")], [AT_LEAST], ["bulk"])
    assert [(each.figure.missing, each.mark) for each in judged] == [("no perf", NOT_MEASURED)]


def test_a_target_of_a_group_that_ran_without_its_figure_is_not_measured_and_of_another_group_left_out():
    judged = judge([], [AT_MOST, Target("import: a", at_most=1)], ["bulk"])
    assert [(each.figure.name, each.mark) for each in judged] == [("bulk: a", NOT_MEASURED)]


@pytest.mark.parametrize("limits", [{}, {"at_most": 1.0, "at_least": 1.0}])
def test_a_target_has_exactly_one_limit(limits):
    with pytest.raises(ValueError, match="needs at_most or at_least"):
        Target("bulk: a", **limits)


def test_two_targets_for_one_figure_are_refused(tmp_path):
    (tmp_path / "twice.toml").write_text('[[target]]\nfigure = "a: b"\nat_most = 1.0\n' * 2)
    with pytest.raises(ValueError, match="two targets for one figure"):
        read_targets(tmp_path / "twice.toml")


def test_every_target_is_for_a_figure_that_a_group_gives():
    """A renamed figure would leave its target behind, not measured for ever."""
    startup = [Row(name) for name in (each.name for each in startup_group.contenders(None))]
    given = [figure.name for figure in startup_group.figures_of(startup, Row("analyze --help"))]
    rivals = ("OURS", "PROBES", "SCRIPT", "FLOOR", "PERF", "UFTRACE", "UNTRACED")
    for name in bulk_group.BREAKS:
        rows = [Row(getattr(bulk_group, rival)) for rival in rivals]
        given += [figure.name for figure in bulk_group.figures_of(name, rows)]
    steps = tuple(Row(name) for name in (MERGE, GRAPH, SHOW_FIRST, GPROF2DOT))
    sizes = [SizeResult(stacks, 1, steps) for stacks in recordings_group.SIZES]
    for share in recordings_group.SHARES:
        given += [figure.name for figure in size_figures(recordings_group.NAME, share, sizes)]
    given += [getattr(recordings_group, name) for name in ("ALL_DIFFER", "DIFF", "REPORT", "REPORT_SIZE")]
    assert {target.figure for target in read_targets()} - set(given) == set()
    assert {name.partition(":")[0] for name in given} <= set(GROUPS)
