"""Tables that are made from the markers of tests."""

from __future__ import annotations

import pytest

from tests.support.tables import Row, check_table, markdown_table, rows

MARKED = """
import pytest

@pytest.mark.fault("QEMU is killed", reaction="marks the recording", status=4)
@pytest.mark.parametrize("hit", [1, pytest.param(2, marks=pytest.mark.fault("QEMU is killed at once", status=3))])
def test_killed(hit): ...

@pytest.mark.other("QEMU is killed")
@pytest.mark.fault("gdb hangs | stops", reaction="gives"
                   " gdb up", status="3 or 4")
def test_hangs(): ...

@pytest.mark.fault("QEMU is killed")
def test_killed_again(): ...
"""
KILLED = Row(
    "QEMU is killed",
    {"reaction": "marks the recording", "status": "4"},
    ("tests/qemu/test_a.py::test_killed", "tests/qemu/test_a.py::test_killed_again"),
)
COLUMNS = {"reaction": "the analyzer", "status": "exit status"}


@pytest.fixture
def marked(tmp_path):
    """Writes a test file, and returns the folder of the tests."""

    def write(text):
        folder = tmp_path / "tests"
        (folder / "qemu").mkdir(parents=True, exist_ok=True)
        (folder / "qemu" / "test_a.py").write_text(text)
        return folder

    return write


@pytest.fixture
def page(tmp_path):
    file = tmp_path / "faults.md"
    file.write_text("# Faults\n\n<!-- table: fault -->\n\nold\n\n<!-- end of table -->\n\nThe rest.\n")
    return file


def test_tests_with_one_subject_are_one_row(marked):
    found = rows("fault", marked(MARKED))
    assert found[0] == KILLED
    assert [row.subject for row in found] == ["QEMU is killed", "QEMU is killed at once", "gdb hangs | stops"]
    assert found[2].cells == {"reaction": "gives gdb up", "status": "3 or 4"}


def test_a_table_has_a_column_for_each_keyword(marked):
    table = markdown_table(rows("fault", marked(MARKED))[2:], "what fails", COLUMNS)
    assert table.splitlines() == [
        "| what fails | the analyzer | exit status | shown by |",
        "| --- | --- | --- | --- |",
        r"| gdb hangs \| stops | gives gdb up | 3 or 4 | `tests/qemu/test_a.py::test_hangs` |",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('@pytest.mark.fault(f"{x}")\ndef test_a(): ...', "is no literal"),
        ("@pytest.mark.fault()\ndef test_a(): ...", "takes one subject"),
        (
            MARKED + '\n@pytest.mark.fault("QEMU is killed", status=3)\ndef test_b(): ...',
            "another status elsewhere",
        ),
    ],
)
def test_a_marker_that_says_nothing_or_contradicts_another_is_an_error(marked, text, sentence):
    with pytest.raises(AssertionError, match=sentence):
        rows("fault", marked(text))


def test_a_row_that_lacks_a_column_is_an_error():
    with pytest.raises(AssertionError, match="'QEMU is killed' has"):
        markdown_table([KILLED], "what fails", {**COLUMNS, "more": "more"})


def test_a_page_that_is_not_up_to_date_fails_and_is_approved(page, monkeypatch):
    monkeypatch.delenv("APPROVE", raising=False)
    with pytest.raises(AssertionError, match="not up to date"):
        check_table(page, "fault", "| new |\n")
    monkeypatch.setenv("APPROVE", "1")
    check_table(page, "fault", "| new |\n")
    monkeypatch.delenv("APPROVE")
    check_table(page, "fault", "| new |\n")
    assert page.read_text().endswith("-->\n\n| new |\n\n<!-- end of table -->\n\nThe rest.\n")


def test_a_page_without_the_comment_is_an_error(page):
    with pytest.raises(AssertionError, match="has no comment <!-- table: threat -->"):
        check_table(page, "threat", "| new |\n")
