"""Report pages of recordings made in Python, opened in a headless Chromium."""

from __future__ import annotations

import pytest

from analyzer.graph.merge import graph_of
from reports.html.page_document import page_document
from reports.html.render import render
from tests.qemu.conftest import browser  # noqa: F401 - a fixture
from tests.support.web import Page


@pytest.fixture
def open_page(browser, tmp_path):  # noqa: F811 - the fixture above
    """Write the report page of recordings, open it with a hash, and return it."""

    def opened(*recordings, address=""):
        from analyzer.graph.merge import merge

        graph = graph_of(recordings[0]) if len(recordings) == 1 else merge(list(recordings))
        file = tmp_path / "report.html"
        file.write_text(render(page_document(graph, recordings)), encoding="utf-8")
        return Page(browser, file).open(address)

    return opened
