"""How a comparison ends."""

from __future__ import annotations

import pytest

from analyzer.commands.comparison import exit_status
from analyzer.errors import ExitStatus
from analyzer.policy.verdict import Verdict
from reports.ci.json_document import STATUSES


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.SAME, ExitStatus.DONE),
        (Verdict.DIFFERS, ExitStatus.DIFFERS),
        (Verdict.NOT_COMPARABLE, ExitStatus.COULD_NOT_RUN),
    ],
)
def test_each_verdict_has_its_exit_status_in_documents_too(verdict, status):
    assert exit_status(verdict) is status
    assert STATUSES[verdict] == status


def test_no_verdict_is_without_an_exit_status():
    assert {exit_status(verdict) for verdict in Verdict} == {STATUSES[verdict] for verdict in Verdict}
