"""A program of 10,000 functions and 50,000 calls: the page stays small and fast."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from analyzer.graph.call_graph import Call, CallGraph, CallSite, Node
from analyzer.graph.merge import merge
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind
from reports.html.page_document import page_document
from reports.html.render import render
from tests.support.notation import recording
from tests.support.web import Page

FUNCTIONS, CALLS = 10_000, 50_000


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """The report page of a graph of random calls, with names as long as those of QEMU."""
    chance = random.Random(1)
    graph = CallGraph(merge([recording("main > goal")]).provenance)
    functions = [
        Function(f"memory_region_of_device_{number}", f"file{number // 20}") for number in range(FUNCTIONS)
    ]
    for function in functions:
        graph.put(Node(function, f"hw/folder{len(function.where)}/{function.where}.c", 5, 0, 0, ("main thread",)))
    pairs = {tuple(chance.sample(range(FUNCTIONS), 2)) for _ in range(CALLS + 1000)}
    for caller, callee in [(functions[a], functions[b]) for a, b in sorted(pairs)][:CALLS]:
        site = CallSite(f"hw/{caller.where}.c", chance.randrange(1, 4000), f"call {callee.name}")
        graph.connect(Call(caller, callee, CallKind.DIRECT, chance.randrange(1, 100), (site,)))
    file = tmp_path_factory.mktemp("large") / "report.html"
    file.write_text(render(page_document(graph, [])), encoding="utf-8")
    return file


def milliseconds(page, action: str) -> float:
    """The least time of three runs of a script, with the layout that it causes."""
    script = f"const at = performance.now(); {action}; document.body.offsetHeight; return performance.now() - at"
    return min(float(page.browser.execute_script(script)) for _ in range(3))


def test_the_file_is_below_6_mb(large):
    assert large.stat().st_size < 6_000_000


def test_searching_takes_less_than_100_ms(browser, large):
    page = Page(browser, large).open("view=functions")
    page.find("body").send_keys("/")
    page.press("device_1")
    assert len(page.texts(".palette li")) == 40
    typed = """
      const box = document.querySelector('.palette input');
      box.value = 'device_99' + Math.floor(Math.random() * 10);
      box.dispatchEvent(new Event('input'))
    """
    assert milliseconds(page, typed) < 100
    page.press(Keys.ESCAPE)


def test_filtering_and_choosing_a_function_take_less_than_100_and_300_ms(browser, large):
    page = Page(browser, large).open("view=functions")
    typed = """
      const box = document.querySelector('#filter');
      box.value = 'device_7' + Math.floor(Math.random() * 1000);
      box.dispatchEvent(new Event('input'))
    """
    milliseconds(page, typed)  # the first search reads all texts
    assert milliseconds(page, typed) < 100
    took = page.browser.execute_async_script("""
      const done = arguments[0], number = 4321, at = performance.now();
      const drawn = () => requestAnimationFrame(() => done(performance.now() - at));
      window.addEventListener('hashchange', drawn, {once: true});
      location.hash = `view=functions&function=memory_region_of_device_${number}@file${Math.floor(number / 20)}`;
    """)
    assert page.find(".panel h2").text == "memory_region_of_device_4321"
    assert took < 300
    page.assert_quiet()
