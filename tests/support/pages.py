"""A page's HTML as a browser takes it: its elements, their names, and what it would load."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from analyzer.graph.call_graph import CallGraph
from analyzer.model.recording import Recording
from reports.html.page_document import page_document
from reports.html.page_schema import ColumnType


class Elements(HTMLParser):
    """The elements of a page, and the names they have; none runs a script of its own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str | None] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        assert not any(name.startswith("on") for name, _ in attrs)


def assert_contacts_nobody(html: str) -> None:
    """The page names nothing outside itself to load, and forbids it."""
    assert "default-src 'none'" in html
    assert not re.search(r"""(?:src|href)=["'](?!#)""", html)
    assert "@import" not in html
    assert not re.search(r"url\((?!#[\w-]+\))", html)


def page_rows(table: str, graph: CallGraph, recordings: Sequence[Recording] = ()) -> list[dict[str, Any]]:
    """The rows of a table of the report page's document."""
    return document_rows(page_document(graph, recordings), table)


def document_rows(document: dict[str, Any], table: str) -> list[dict[str, Any]]:
    """The rows of a table of a document, with their texts."""
    strings = document["strings"]
    columns = {}
    for name, (kind, values) in document["tables"][table].items():
        if kind == ColumnType.TEXT:
            columns[name] = [strings[number] for number in values]
        elif kind == ColumnType.TEXTS:
            columns[name] = [[strings[number] for number in numbers] for numbers in values]
        else:
            columns[name] = values
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def embedded_document(html: str) -> dict[str, Any]:
    """The document in the HTML text of a report page."""
    block = re.search(r'<script type="application/json" id="document">(.*?)</script>', html, re.DOTALL)
    assert block is not None
    document: dict[str, Any] = json.loads(block[1])
    return document


def page_texts(file: Path) -> str:
    """All texts of the document in a report page, a line each."""
    document = embedded_document(file.read_text(encoding="utf-8"))
    return "\n".join([*map(str, document["page"].values()), *document["strings"]])
