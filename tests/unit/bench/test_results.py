"""The files that a benchmark leaves."""

from __future__ import annotations

import json

from tests.bench.figures import Figure, Measurement, Row
from tests.bench.groups import GroupResult, comparison, times
from tests.bench.results import Results, markdown_table, name_of, to_json, to_markdown, write
from tests.bench.targets import Target, judge
from tests.support.documents import list_of_tables

HITS = {"hits": 7.0}
OURS = Row("analyze", (Measurement(2.0, 1.0, 3 << 20, HITS), Measurement(4.0, 1.5, 5 << 20, HITS)))
SCRIPT = Row("gdb script", (Measurement(4.0, 2.0, 1 << 20, HITS), Measurement(4.0, 2.0, 1 << 20)))
PERF = Row("perf", missing="not installed: apt install linux-perf")
ROWS = (OURS, SCRIPT, PERF)
FIGURES = (Figure("bulk: script / analyze", 1.5), Figure("bulk: perf / analyze", None, missing=PERF.missing))
TARGETS = (Target("bulk: script / analyze", at_least=8), Target("bulk: perf / analyze", at_least=2))


def results() -> Results:
    group = GroupResult("bulk", (comparison("bulk", ROWS, OURS, "A sentence."),), {"bulk": ROWS}, FIGURES)
    return Results({"processor": "A | B"}, (group,), tuple(judge(FIGURES, TARGETS, ["bulk"])))


def test_the_table_has_medians_and_the_median_ratio_of_the_rounds():
    tables = list_of_tables(to_markdown(results()))
    script = dict(zip(tables[2][0], tables[2][2], strict=True))
    assert script["program"] == "gdb script"
    assert (script["seconds"], script["lowest to highest"], script["processor seconds"]) == (
        "4.00",
        "4.00 to 4.00",
        "2.00",
    )
    assert (script["peak MiB"], script["hits"], script["times analyze"]) == ("1", "7", "1.50")


def test_a_program_that_is_not_installed_is_a_row_that_says_so():
    row = list_of_tables(to_markdown(results()))[2][3]
    assert (row[0], row[-1]) == ("perf", "not measured: not installed: apt install linux-perf")


def test_figures_stand_with_target_and_mark():
    figures = list_of_tables(to_markdown(results()))[1][1:]
    assert figures[0] == ["bulk: script / analyze", "1.50", "at least 8", "**not met**"]
    assert figures[1] == ["bulk: perf / analyze", PERF.missing, "at least 2", "not measured"]


def test_a_cell_with_a_bar_or_a_line_break_stays_one_cell():
    assert markdown_table(("a",), [("1 | 2\n3",)]) == ["| a |", "| --- |", "| 1 \\| 2 3 |"]


def test_small_ratios_keep_two_digits():
    assert [times(value) for value in (None, 12.345, 0.1, 0.0123)] == ["–", "12.35", "0.10", "0.012"]


def test_the_json_has_every_single_measurement_and_the_marks(tmp_path):
    document = json.loads(to_json(results()))
    ours = document["groups"][0]["tables"]["bulk"][0]
    assert [each["seconds"] for each in ours["measurements"]] == [2.0, 4.0]
    assert [each["mark"] for each in document["figures"]] == ["not met", "not measured"]
    assert [path.name for path in write(results(), "2026-01-02", tmp_path / "new")] == [
        "2026-01-02.json",
        "2026-01-02.md",
    ]
    assert json.loads((tmp_path / "new" / "2026-01-02.json").read_text()) == document


def test_the_name_of_the_files_is_the_day_and_the_groups_unless_all_ran():
    every = ["startup", "bulk A", "import"]
    assert name_of("2026-01-02T03:04+00:00", every, every) == "2026-01-02"
    assert name_of("2026-01-02T03:04+00:00", ["bulk A", "import"], every) == "2026-01-02-bulk-A-import"
