"""The comparison page, opened from file:// in a real headless Chromium. Needs no QEMU."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from analyzer.adapters.graphviz import render_svg
from analyzer.diff.change import Change, ChangeKind
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import RuleResult
from reports.dot.merged_graph import merged_dot
from reports.html.render import render_diff
from tests.conftest import need_tool
from tests.qemu.clicking import click, find, find_all, opened, scroll_to, visible
from tests.support.graphs import graph
from tests.support.verdicts import chain, same, verdict

LONG = "a_very_long_name_of_a_function_that_goes_on_and_on_" * 4
EVIL = "</script><img/src=x/onerror=alert(1)>"
ROWS = """
  main
  > one
  > two
  > three
  > four
  > prepare
- > gone_fn
+ > new_fn
~ > old_name | > new_name
^ > goal | *> goal
"""


def example():
    """Two small programs: a function removed, one added, one renamed, and a direct call that became indirect."""
    old = graph("main > prepare > gone_fn > old_name > goal")
    new = graph("main > prepare > new_fn > new_name *> goal")
    found = verdict(
        chain("goal", ROWS),
        chain("second", f"{ROWS}+ > {LONG}\n{same(EVIL)}", known=10),
        chain("begin", same("main"), target=False),
        extra=[Change(ChangeKind.IOCTL_ADDED, "KVM_GET_SREGS2")],
        not_comparable=[("main must reach far", "far is in neither program")],
        rules=[
            RuleResult(
                "main must reach goal", "the guest must run", RuleOutcome.HOLDS, "it does", ("main", "goal")
            )
        ],
        stale=["The entry removed far matches nothing."],
        accepted={"new_fn": "it is known"},
    )
    return found, render_svg(merged_dot(old, new, found.diff))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    need_tool("dot")
    path = tmp_path_factory.mktemp("diff") / "diff.html"
    path.write_text(render_diff(*example(), ""), encoding="utf-8")
    return f"file://{path}"


@pytest.fixture
def page(browser, address):
    return opened(browser, address)


def test_it_opens_without_an_error_or_a_request(page):
    assert page.get_log("browser") == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert find(page, "h1").text == "QEMU 7.2.0 debug → QEMU 10.0.0 debug"
    assert find(page, ".badge").text == "≠ differs"
    assert "far is in neither program" in find(page, "#not-comparable").text
    assert page.find_elements(By.TAG_NAME, "img") == []


def test_the_two_chains_are_side_by_side(page):
    row = find(page, "#row-1-8")
    old, what, new = row.find_elements(By.TAG_NAME, "td")
    assert "old_name" in old.text and "new_name" in new.text
    assert what.text == "~ renamed"
    boxes = [cell.rect for cell in (old, what, new)]
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert len({box["y"] for box in boxes}) == 1


def test_states_of_rows_differ_without_colour(page):
    styles = {
        state: find(page, f"#chain-1 .is-{state} .cell").value_of_css_property("border-left-style")
        for state in ("removed", "added", "changed")
    }
    assert styles == {"removed": "dashed", "added": "solid", "changed": "double"}
    tags = [tag.text for tag in visible(page, "#chain-1 .tag")]
    assert tags == ["- removed", "+ inserted ✓", "~ renamed", "~ call kind"]
    removed = find(page, "#canvas .node.removed")
    assert "-" in removed.text and "removed" in removed.text
    assert find(page, "#canvas .node.removed path").get_attribute("stroke-dasharray")
    assert "+" in find(page, "#canvas .node.added").text


def test_unchanged_rows_are_hidden_behind_a_button(page):
    button = find(page, "#chain-1 .show-rows")
    assert "5 unchanged" in button.text
    assert not find(page, "#row-1-2").is_displayed()
    scroll_to(page, button).send_keys(Keys.ENTER)
    assert find(page, "#row-1-2").is_displayed()
    assert button.get_attribute("aria-expanded") == "true"
    click(page, "#toggle-hidden-rows")
    assert find(page, "#row-2-0").is_displayed()
    click(page, "#toggle-hidden-rows")
    assert not find(page, "#row-1-2").is_displayed()


def test_removed_functions_can_be_hidden_and_the_address_says_so(page):
    assert visible(page, ".row.is-removed") and visible(page, "#canvas .removed")
    click(page, "#chains input.show-removed")
    assert not visible(page, ".row.is-removed") and not visible(page, "#canvas .removed")
    assert "removed=hide" in page.current_url
    assert not find(page, "#graph input.show-removed").is_selected()
    again = opened(page, page.current_url)
    assert not visible(again, ".row.is-removed")
    click(again, "#graph input.show-removed")
    assert visible(again, ".row.is-removed") and "removed" not in again.current_url.partition("#")[2]


def test_a_change_count_shows_the_changes_of_its_kind_only(page):
    click(page, "header [data-filter=renamed]")
    (row,) = visible(page, ".change-table tbody tr")
    assert row.text.startswith("~ renamed old_name is renamed to new_name The goal")
    assert "kinds=renamed" in page.current_url
    assert find(page, "#changes [data-filter=renamed]").get_attribute("aria-pressed") == "true"
    assert float(find(page, "#row-1-6").value_of_css_property("opacity")) < 1
    assert float(find(page, "#row-1-8").value_of_css_property("opacity")) == 1
    click(page, "#show-all")
    assert len(visible(page, ".change-table tbody tr")) == 6


def test_slash_searches_the_changes(page):
    find(page, "body").send_keys("/")
    box = page.switch_to.active_element
    assert box.get_attribute("id") == "search"
    box.send_keys("sregs")
    assert find(page, "#match-count").text == "1 of 6 changes"
    assert "KVM_GET_SREGS2" in visible(page, ".change-table tbody tr")[0].text
    box.send_keys(Keys.ESCAPE)
    assert len(visible(page, ".change-table tbody tr")) == 6


def test_the_divergence_links_to_its_row_even_when_hidden(page):
    assert not find(page, "#row-2-6").is_displayed()
    click(page, "#chain-2 .divergence a")
    assert find(page, "#row-2-6").is_displayed()
    assert "selected" in find(page, "#row-2-6").get_attribute("class")
    page.back()
    WebDriverWait(page, 10).until(lambda page: "row-2-6" not in page.current_url)


@pytest.mark.parametrize("fragment", ["#row-1-1", "#at=row-1-1&removed=hide"])
def test_an_address_with_a_row_opens_it(browser, address, fragment):
    page = opened(browser, address + fragment)
    row = find(page, "#row-1-1")
    assert row.is_displayed()
    assert 0 < page.execute_script("return arguments[0].getBoundingClientRect().top", row) < 1000


def test_a_function_of_a_row_is_selected_in_the_graph_and_links_back(page):
    click(page, "#row-1-8 [data-side=old] .name")
    assert "new_name" in find(page, "#canvas .node.selected").text
    assert "f=new_name%40main" in page.current_url
    click(page, "#selection a")
    assert "at=row-1-8" in page.current_url


def test_going_back_clears_the_previous_selection(page):
    click(page, "#chain-2 .divergence a")
    click(page, "#row-1-8 [data-side=old] .name")
    assert [len(find_all(page, marked)) for marked in ("tr.selected", ".node.selected")] == [0, 1]
    click(page, "#selection a")
    assert [len(find_all(page, marked)) for marked in ("tr.selected", ".node.selected")] == [1, 0]
    assert find(page, "#selection").text == ""
    page.back()
    WebDriverWait(page, 10).until(
        lambda page: find_all(page, ".node.selected") and not find_all(page, "tr.selected")
    )
    page.back()
    WebDriverWait(page, 10).until(lambda page: find_all(page, "#row-2-6.selected"))
    page.back()
    WebDriverWait(page, 10).until(lambda page: not find_all(page, "tr.selected, .node.selected"))
    assert find(page, "#selection").text == ""


def test_the_page_follows_a_click_within_the_click(page):
    """The hashchange event comes later: a reader in between would see the previous page."""
    shown = page.execute_script(
        "document.querySelector('#row-1-8 [data-side=old] .name').click();"
        "return document.querySelectorAll('#canvas .node.selected').length"
    )
    assert shown == 1


def test_a_click_on_a_node_links_its_rows(page):
    scroll_to(page, find(page, "#canvas"))
    find(page, "[data-zoom=fit]").click()
    ActionChains(page).move_to_element(find(page, "#canvas .node.added")).click().perform()
    assert find(page, "#selection").text.startswith("new_fn: in the chain to The goal")


def test_a_narrow_screen_has_no_sideways_scrolling(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": False},
    )
    for button in visible(page, ".show-rows"):
        page.execute_script("arguments[0].click()", button)
    width = page.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    old, new = find_all(page, "#row-1-8 .cell")
    below = old.rect["y"] < new.rect["y"]
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width <= 0
    assert below


def test_the_printed_page_has_everything_but_the_tools(page):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = [
        bool(visible(page, selector)) for selector in ("nav", ".tools", ".row.is-removed", ".change-table tr")
    ]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert shown == [False, False, True, True]
