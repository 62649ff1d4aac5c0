"""The tables of faults and loads in the documentation are those of the tests that inject them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tables import check_table, markdown_table, rows

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
TABLES = {
    "fault": ("what fails", {"does": "the analyzer", "status": "exit status"}),
    "load": ("load", {"does": "the analyzer"}),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_table_is_that_of_the_tests(name):
    """`APPROVE=1 .venv/bin/pytest tests/unit/test_fault_table.py` writes it."""
    subject, columns = TABLES[name]
    found = rows(name)
    assert found
    check_table(PAGE, name, markdown_table(found, subject, columns))
