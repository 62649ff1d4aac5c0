"""A page's HTML as a browser takes it: its elements, their names, and what it would load."""

from __future__ import annotations

import re
from html.parser import HTMLParser


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
    assert "url(" not in html
