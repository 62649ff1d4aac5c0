"""The report page, opened from file:// in a real headless Chromium."""

from __future__ import annotations

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.qemu.clicking import find, find_all, opened, scroll_to


@pytest.fixture
def page(browser, run):
    return opened(browser, f"file://{run.folder / 'report.html'}")


def panel_title(page):
    # a loaded machine may show it a moment after the click
    waiting = WebDriverWait(page, 10, ignored_exceptions=[NoSuchElementException, StaleElementReferenceException])
    return waiting.until(lambda page: find(page, "#panel h3").text)


def node(page, name):
    return page.find_element(
        By.XPATH, f"//*[@id='canvas']//*[@class and contains(@class,'node')][.//*[text()='{name}']]"
    )


def view_box(page):
    return [float(number) for number in find(page, "#canvas svg").get_dom_attribute("viewBox").split()]


def test_it_opens_without_an_error_or_a_request(page):
    assert page.get_log("browser") == []
    requests = page.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert requests == []
    assert "starts a KVM guest" in find(page, "h1").text
    assert find(page, ".badge").text == "complete"


def test_the_story_shows_the_chain_from_main_to_the_guest(page):
    names = [step.text for step in find_all(page, "#story > article .chain > li > .card > .function")]
    shown = [name for name in names if name]
    assert shown[0] == "main"
    assert [n for n in shown if n in ("kvm_init", "qemu_init_vcpu", "kvm_cpu_exec")][0] == "kvm_init"
    assert "timer interrupts: 1" in find(page, ".guest .terminal").text
    highlighted = [line.text for line in find_all(page, ".source .highlighted")]
    assert any("qemu_init(" in line for line in highlighted)


def test_indirect_calls_differ_from_direct_ones_without_colour(page):
    direct = find(page, ".chapter .kind-direct .glyph")
    pointer = find(page, ".chapter .kind-indirect .glyph")
    assert (direct.text, pointer.text) == (">", "*>")
    borders = [
        find(page, f".chapter .kind-{kind} > .card").value_of_css_property("border-left-style")
        for kind in ("direct", "indirect")
    ]
    assert borders == ["solid", "dashed"]
    edge = find(page, "#canvas .edge.indirect path")
    assert edge.get_attribute("stroke-dasharray")


def test_clicking_a_function_shows_its_callers_arguments_and_source(page):
    scroll_to(page, find(page, "#canvas"))
    find(page, "[data-zoom=fit]").click()
    ActionChains(page).move_to_element(node(page, "kvm_init")).click().perform()
    assert panel_title(page) == "kvm_init"
    panel = find(page, "#panel").text
    assert "accel_init_machine" in panel
    assert "calls through a pointer" in panel
    assert "(" in find(page, "#panel .arguments").text
    assert find(page, "#panel .source .highlighted").text
    find(page, "#panel button.link").click()
    assert panel_title(page) == "accel_init_machine"
    page.back()
    assert panel_title(page) == "kvm_init"
    page.back()
    WebDriverWait(page, 10).until(lambda page: "Choose a function" in find(page, "#panel").text)
    assert not find_all(page, "#canvas .selected, #canvas .neighbour")


def test_an_address_with_a_function_opens_it(browser, run):
    browser.get("about:blank")
    browser.get(f"file://{run.folder / 'report.html'}#f=kvm_cpu_exec%40kvm-all")
    assert panel_title(browser) == "kvm_cpu_exec"
    assert "selected" in node(browser, "kvm_cpu_exec").get_attribute("class")


def test_searching(page):
    find(page, "body").send_keys("/")
    box = page.switch_to.active_element
    assert box.get_attribute("id") == "search"
    box.send_keys("kvm_vcpu_th")
    assert find(page, "#match-count").text == "1 function"
    dimmed = find_all(page, "#canvas .node.dimmed")
    assert len(dimmed) == len(find_all(page, "#canvas .node")) - 1
    box.send_keys(Keys.ENTER)
    assert panel_title(page) == "kvm_vcpu_thread_fn"
    box.send_keys(Keys.ESCAPE)
    assert find_all(page, "#canvas .node.dimmed") == []


def test_zooming_and_moving(page):
    scroll_to(page, find(page, "#canvas"))
    find(page, "[data-zoom=fit]").click()
    fitted = view_box(page)
    find(page, "[data-zoom=in]").click()
    assert view_box(page)[2] < fitted[2]
    canvas = find(page, "#canvas")
    before = view_box(page)
    ActionChains(page).move_to_element_with_offset(canvas, -200, -200).click_and_hold().move_by_offset(
        80, 60
    ).release().perform()
    assert view_box(page)[:2] != before[:2]
    assert view_box(page)[2:] == before[2:]
    find(page, "[data-zoom=fit]").click()
    assert view_box(page) == fitted


def test_every_backtrace_is_there(page, run):
    traces = find_all(page, "#backtraces details")
    assert len(traces) == len(run.recording.stops)
    scroll_to(page, traces[2])
    traces[2].find_element(By.TAG_NAME, "summary").click()
    assert "#0" in traces[2].text


def test_the_descriptor_hierarchy_and_the_threads_are_shown(page):
    hierarchy = find(page, "#ioctls .descriptors").text
    assert "vcpu_fd" in hierarchy
    assert hierarchy.index("KVM_CREATE_VM") < hierarchy.index("KVM_CREATE_VCPU") < hierarchy.index("KVM_RUN")
    assert "CPU 0/KVM" in find(page, "#threads table").text


def test_a_narrow_screen_has_no_sideways_scrolling(page):
    page.set_window_size(420, 900)
    width = page.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    page.set_window_size(1400, 1000)
    assert width <= 1
