"""The documentation as MkDocs builds it: every link leads somewhere, and no page asks another host."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.conftest import need

ROOT = Path(__file__).parents[2]
LOADS = {"src", "srcset", "data", "poster", "background"}  # attributes that load something
POLICY = re.compile(r"default-src 'none'")


class PageLinks(HTMLParser):
    """What a page loads, where its links lead, and the names in it."""

    def __init__(self, html):
        super().__init__()
        self.loads, self.links, self.names = [], [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in LOADS or (name == "href" and tag == "link"):
                self.loads.append(value)
            elif name == "href":
                self.links.append(value)
            elif name in ("id", "name"):
                self.names.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    need(importlib.util.find_spec("mkdocs") and importlib.util.find_spec("material"), "MkDocs (the extra docs)")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    found = {file: PageLinks(file.read_text()) for file in site.rglob("*.html") if file.name != "404.html"}
    assert {"index.html", "contributing.html", "formats.html"} <= {file.name for file in found}
    return found


def outside(link):
    """Whether it names a host or a scheme."""
    return bool(urlsplit(link).netloc or urlsplit(link).scheme)


def test_every_link_leads_to_a_file_of_the_site_and_a_place_in_it(pages, site):
    for page, found in pages.items():
        for link in [*found.loads, *found.links]:
            if outside(link):
                continue
            target = (page.parent / unquote(urlsplit(link).path)).resolve() if urlsplit(link).path else page
            assert target.is_file(), f"{page.name}: {link}"
            assert target.is_relative_to(site), f"{page.name}: {link}"
            heading = urlsplit(link).fragment
            if heading and target in pages and page.parent == site:  # a report's script has places of its own
                assert heading in pages[target].names, f"{page.name}: {link}"


def test_no_page_loads_anything_from_elsewhere_and_each_forbids_it(pages):
    for page, found in pages.items():
        assert [load for load in found.loads if outside(load)] == [], page.name
        assert POLICY.search(page.read_text()), page.name


def test_no_style_sheet_loads_anything_from_elsewhere(site):
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        assert not re.search(r"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//""", sheet.read_text()), sheet


def test_what_a_page_loads_from_elsewhere_and_where_it_links_are_told_apart():
    found = PageLinks('<link href="https://a/b.css"><img src="c.png"><a href="#d">e</a><p id="d">')
    assert (found.loads, found.links, found.names) == (["https://a/b.css", "c.png"], ["#d"], {"d"})
    assert [load for load in found.loads if outside(load)] == ["https://a/b.css"]
    assert outside("//a/b.js")
