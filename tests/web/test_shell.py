"""The shell of the report page: views, selection, filter, address, keys, palette."""

from __future__ import annotations

from dataclasses import replace

import pytest
from selenium.webdriver.common.keys import Keys

from analyzer.graph.merge import merge
from reports.html.page_document import page_document
from reports.html.render import render
from reports.html.source_links import SourceLinks
from tests.support.hostile import NAMES
from tests.support.notation import recording
from tests.support.web import Page

VIEWS = ("overview", "story", "graph", "flame", "timeline", "functions", "backtraces", "provenance")
MORE_NAMES = ("</script><script>alert(1)</script>", "\u202egnp.exe", "\"'`")
RECORDED = recording("main > kvm_init *> goal", "main > kvm_init t> helper *> goal", "main > other > goal")


def test_each_view_renders_without_an_error_or_a_request(open_page):
    page = open_page(RECORDED)
    names = page.view_names()
    assert set(VIEWS) <= set(names)
    for name in names:
        page.show(name)
        assert page.find(".view").text.strip()
        assert page.evaluate("document.querySelector('.view').className") == f"view view-{name}"
        page.open(f"view={name}")
        assert page.find(".view").text.strip()
    page.assert_quiet()


def test_a_link_selects_and_the_back_button_goes_back(open_page):
    page = open_page(RECORDED, address="view=functions")
    assert not page.find(".panel").is_displayed()
    next(link for link in page.browser.find_elements("css selector", ".table a") if link.text == "helper").click()
    assert page.find(".panel h2").text == "helper"
    assert page.hash() == "#view=functions&function=helper@main"
    page.find(".panel-call a").click()
    assert page.find(".panel h2").text == "kvm_init"
    page.browser.back()
    assert page.find(".panel h2").text == "helper"
    page.browser.back()
    assert not page.find(".panel").is_displayed()
    page.assert_quiet()


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("function=goal@main", "goal"),
        ("view=graph&call=main@main>kvm_init@main>direct", "main > kvm_init"),
        ("view=backtraces&stop=1", "The goal (main thread"),
    ],
)
def test_an_address_restores_view_and_selection(open_page, address, title):
    page = open_page(RECORDED, address=address)
    assert title in page.find(".panel h2").text
    page.assert_quiet()


@pytest.mark.parametrize("address", ["function=nobody@main", "view=nothing", "stop=99", "call=%%%", "stop=1e3"])
def test_an_address_of_something_else_shows_the_page_without_a_selection(open_page, address):
    page = open_page(RECORDED, address=address)
    assert page.find(".view").text.strip()
    assert not page.find(".panel").is_displayed()
    page.assert_quiet()


def test_the_filter_is_shared_by_the_views_and_kept_in_the_address(open_page):
    page = open_page(RECORDED, address="view=functions")
    page.press("f")
    page.press("kvm")
    assert [row[0] for row in page.table(6)] == ["kvm_init"]
    assert page.find(".table-count").text == "1 of 5 rows"
    page.show("graph")
    assert all("kvm_init" in (row[0], row[2]) for row in page.table(5))
    page.open("view=functions&filter=-kvm")
    assert sorted(row[0] for row in page.table(6)) == ["goal", "helper", "main", "other"]


def test_the_palette_finds_functions_files_and_views(open_page):
    page = open_page(RECORDED)
    for opening in ("/", Keys.CONTROL + "k" + Keys.NULL):
        page.find("body").send_keys(opening)
        page.press("help")
        assert page.texts(".palette li .name") == ["helper"]
        page.press(Keys.ENTER)
        assert page.find(".panel h2").text == "helper"
        page.press(Keys.ESCAPE)
    page.find("body").send_keys("/")
    page.press("hw/main.c")
    page.press(Keys.ENTER)
    assert page.hash() == "#view=functions&filter=hw/main.c"
    page.assert_quiet()


def test_keys_show_views_and_the_list_of_keys(open_page):
    page = open_page(RECORDED)
    page.find("body").send_keys("8")
    assert page.hash() == "#view=functions"
    page.find("body").send_keys("?")
    assert "view: Functions" in page.find("dialog.keys").text
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.texts("dialog.keys") == [])


def test_a_table_sorts_by_its_headers_and_moves_by_keys(open_page):
    page = open_page(RECORDED, address="view=functions")
    page.find(".table-head button").click()
    assert [row[0] for row in page.table(6)] == ["goal", "helper", "kvm_init", "main", "other"]
    assert page.evaluate("document.querySelector('.table-head [role=columnheader]').ariaSort") == "ascending"
    page.find(".table").send_keys(Keys.HOME + Keys.DOWN + Keys.ENTER)
    assert page.find(".panel h2").text == "helper"
    active = page.find(".table").get_attribute("aria-activedescendant")
    assert "helper" in page.find(f"#{active}").text


def test_only_visible_rows_of_a_table_are_in_the_document(open_page):
    lines = [f"main > f{number} > goal" for number in range(400)]
    page = open_page(recording(*lines), address="view=functions")
    assert len(page.texts(".table-rows .table-row")) < 60
    assert len(page.table(6)) == 402
    assert page.find(".table").get_attribute("aria-rowcount") == "403"


@pytest.mark.parametrize("name", [*NAMES, *MORE_NAMES])
def test_hostile_names_stay_text_in_every_view(open_page, name):
    recorded = recording("main > middle *> goal")
    frames = tuple(
        replace(frame, function=frame.function._replace(name=name), name=name, file=f"hw/{name}.c")
        if frame.name == "middle"
        else frame
        for frame in recorded.stops[0].frames
    )
    stop = replace(recorded.stops[0], stack=replace(recorded.stops[0].stack, frames=frames), function=name)
    recorded = replace(
        recorded, stops=(stop,), notes=(name,), outputs={"serial": name, "stderr": name},
        sources={f"hw/{name}.c": {12: name}}, header=replace(recorded.header, command=[name]),
    )  # fmt: skip
    page = open_page(recorded)
    for view in page.view_names():
        page.open(f"view={view}")
        assert page.evaluate("document.querySelectorAll('script').length") == 2
        assert page.evaluate("document.querySelectorAll('.view img, .view script').length") == 0
    page.open("view=functions")
    middle = next(row for row in page.table(6) if row[0] not in ("main", "goal"))
    assert middle[0] == shown(name)
    page.browser.set_window_size(500, 900)
    try:
        assert page.sideways() <= 0
    finally:
        page.browser.set_window_size(1400, 1000)
    page.assert_quiet()


def shown(name: str) -> str:
    from reports.html.document_builder import page_text

    return page_text(name)


@pytest.mark.parametrize("view", VIEWS)
def test_a_narrow_screen_has_no_sideways_scrolling(open_page, view):
    page: Page = open_page(RECORDED)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.open(f"view={view}&function=kvm_init@main")
        assert page.evaluate("innerWidth") == 390
        assert page.sideways() <= 0
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_theme_follows_the_switch(open_page):
    page = open_page(RECORDED)
    colours = set()
    for theme in ("light", "dark"):
        page.browser.find_element("css selector", f"#theme option[value={theme}]").click()
        colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2
    page.browser.find_element("css selector", "#theme option[value=auto]").click()


def test_the_page_of_a_text_speaks_of_no_run(open_page):
    recorded = replace(RECORDED, header=replace(RECORDED.header, scenario="import"))
    page = open_page(recorded)
    for view in page.view_names():
        page.open(f"view={view}")
        for wrong in ("Descriptor", "Command line", "did not exit", "complete", "Never"):
            assert wrong not in page.find("body").text, view


def test_places_are_links_when_the_page_knows_where_the_source_is(browser, tmp_path):
    links = SourceLinks("https://host/v1/{file}#L{line}", "vscode://file{path}:{line}", "/src")
    file = tmp_path / "report.html"
    document = page_document(merge([RECORDED]), [RECORDED], links=links)
    file.write_text(render(document))
    page = Page(browser, file).open("view=backtraces&stop=0")
    frame = RECORDED.stops[0].frames[0]
    source, editor = page.evaluate(
        "[...document.querySelectorAll('.frames li:first-child .place a')].map(a => a.href)"
    )
    assert source == f"https://host/v1/{frame.file}#L{frame.line}"
    assert editor == f"vscode://file/src/{frame.file}:{frame.line}"
    page.assert_quiet()
