"""Builds the tables of the page's document: columns of numbers, and one table of all texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from analyzer.text import visible
from reports.html.page_schema import FORMAT, TABLES, VERSION, ColumnType

# They change the order in which the text around them is shown.
_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINE_SEPARATORS = re.compile("[\u2028\u2029\ufeff]")
_IN_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}  # JSON reads them alike; HTML does not see them


class DocumentBuilder:
    """Collects the rows of all tables of `page_schema.TABLES`; rows are never changed."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {}
        self._columns: dict[str, dict[str, list[Any]]] = {
            table: {column: [] for column in columns} for table, columns in TABLES.items()
        }
        self._sizes = dict.fromkeys(TABLES, 0)
        self._encoders: dict[ColumnType, Callable[[Any], Any]] = {
            ColumnType.NUMBER: lambda value: value,
            ColumnType.FLAG: int,
            ColumnType.TEXT: self._string,
            ColumnType.NUMBERS: list,
            ColumnType.TEXTS: lambda values: [self._string(value) for value in values],
        }

    def add(self, table: str, **values: Any) -> int:
        """Add a row, and return its number. ValueError when the values are not those of the table's columns."""
        columns = TABLES[table]
        if values.keys() != columns.keys():
            raise ValueError(f"{table}: {sorted(values.keys() ^ columns.keys())}")
        for column, (kind, _) in columns.items():
            self._columns[table][column].append(self._encoders[kind](values[column]))
        self._sizes[table] += 1
        return self._sizes[table] - 1

    def size(self, table: str) -> int:
        """Return the number of rows of a table."""
        return self._sizes[table]

    def document(self, page: dict[str, object]) -> dict[str, object]:
        """Return the document; `page` is what is said once: title, verdict and so on."""
        tables = {
            table: {column: [kind.value, self._columns[table][column]] for column, (kind, _) in columns.items()}
            for table, columns in TABLES.items()
        }
        shown = {name: page_text(value) if isinstance(value, str) else value for name, value in page.items()}
        return {
            "format": FORMAT,
            "version": VERSION,
            "page": shown,
            "strings": list(self._strings),
            "tables": tables,
        }

    def _string(self, text: str) -> int:
        return self._strings.setdefault(page_text(text), len(self._strings))


def page_text(text: str) -> str:
    """Return `text` with control characters, line separators and bidirectional controls escaped, as in `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    text = visible(text)
    return _LINE_SEPARATORS.sub(_escaped, _BIDIRECTIONAL.sub(_escaped, text))


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def embedded_json(document: dict[str, object]) -> str:
    """Return the document as JSON that can stand in a script element: ASCII, without `<`, `>` and `&`."""
    text = json.dumps(document, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: _IN_HTML[match[0]], text)
