"""Markdown as tests look at it: tables, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def without_code(text: str) -> str:
    """The text without code, be it in blocks or in lines."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def links(text: str) -> Iterator[str]:
    """The targets of links and pictures, those on other hosts left out."""
    return (target for target in _LINK.findall(without_code(text)) if "://" not in target)


def anchors(text: str) -> list[str]:
    """What a link to each heading has behind the `#`, on the site as on a code host."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE)
    return [re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings]


def list_of_tables(text: str) -> list[list[list[str]]]:
    """The tables of a text: rows, each of its cells; the line of dashes is left out."""
    tables: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif not re.fullmatch(r"[|\s:-]+", line):
            if not inside:
                tables.append([])
            inside = True
            tables[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
    return tables
