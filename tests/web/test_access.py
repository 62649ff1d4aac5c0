"""Everybody can use the page: axe-core finds nothing serious, the keyboard and a phone suffice."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

import reports
from tests.support.exports import example

AXE = Path(reports.__file__).parent / "web/node_modules/axe-core/axe.min.js"
VIEWS = (
    "overview", "story", "graph", "flame", "timeline", "ioctls", "io", "pointers", "functions", "backtraces",
    "provenance",
)  # fmt: skip
SELECTED = {"ioctls": "&ioctl=1", "io": "&access=0", "pointers": "&pointer=0", "backtraces": "&stop=0"}
HEADINGS = """[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]
  .filter(each => each.offsetParent).map(each => each.tagName[1])"""
RUN_AXE = """
  const done = arguments[arguments.length - 1];
  axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations));
"""


def violations(page) -> list[str]:
    """Return what axe-core calls serious or critical, a line for each place."""
    page.browser.execute_script(AXE.read_text())
    found = page.browser.execute_async_script(RUN_AXE)
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.fixture
def page(open_page):
    return open_page(example())


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_serious_in_any_view(page, theme, width):
    page.browser.set_window_size(width, 900)
    page.browser.execute_script("localStorage.clear()")
    found = {}
    for view in VIEWS:
        page.open(f"view={view}{SELECTED.get(view, '&function=goal@kvm-all')}")
        page.browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        if serious := violations(page):
            found[view] = serious
    page.browser.set_window_size(1440, 900)
    assert found == {}


def test_the_page_is_not_wider_than_a_phone_in_any_view(page):
    page.browser.set_window_size(390, 844)
    wide = {}
    for view in VIEWS:
        page.open(f"view={view}{SELECTED.get(view, '')}")
        if page.sideways() > 0:
            wide[view] = page.sideways()
    page.browser.set_window_size(1440, 900)
    assert wide == {}


def test_headings_are_in_order_in_every_view(page):
    for view in VIEWS:
        page.open(f"view={view}{SELECTED.get(view, '')}")
        levels = [int(level) for level in page.evaluate(HEADINGS)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), (view, levels)


def test_the_focus_is_visible_and_goes_from_the_top_to_the_view(page):
    page.open("view=ioctls")
    seen = []
    for _ in range(25):
        page.press(Keys.TAB)
        seen.append(page.evaluate("document.activeElement.className || document.activeElement.id"))
        if seen[-1] == "table":
            break
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", seen
    assert seen[0] == "skip"
    assert seen[-1] == "table"
