"""The report page of a real recording, opened from file:// in a real headless Chromium."""

from __future__ import annotations

from collections import Counter

import pytest

from analyzer.kvm.requests import name_of
from tests.support.web import Page


@pytest.fixture
def page(browser, run):
    return Page(browser, run.folder / "report.html").open()


def test_it_opens_without_an_error_or_a_request(page):
    for view in page.view_names():
        page.open(f"view={view}")
        assert page.find(".view").text.strip()
    page.assert_quiet()
    assert "starts a KVM guest" in page.find("h1").text
    assert page.find(".badge").text == "complete"


def test_the_story_shows_the_chain_from_main_to_the_guest(page):
    page.open("view=story")
    names = page.texts(".step .name")
    assert names[0] == "main"
    assert [n for n in names if n in ("kvm_init", "qemu_init_vcpu", "kvm_cpu_exec")][0] == "kvm_init"
    page.open("")
    assert "timer interrupts: 1" in page.find(".terminal").text


def test_indirect_calls_differ_from_direct_ones_without_colour(page):
    page.open("view=story")
    assert page.find(".step .kind-direct").text == ">"
    assert page.find(".step .kind-indirect").text == "*>"
    assert page.find(".step .kind-indirect").get_attribute("aria-label") == "call through a pointer"


def test_a_function_shows_its_callers_arguments_and_pointer(page):
    page.open("function=kvm_init@kvm-all")
    panel = page.find(".panel").text
    assert page.find(".panel h2").text == "kvm_init"
    assert "accel_init_machine" in panel
    assert "AccelClass.init_machine" in panel
    assert page.texts(".panel .arguments")[0].startswith("(")
    next(
        link for link in page.browser.find_elements("css selector", ".panel a") if "init_machine" in link.text
    ).click()
    assert page.find(".panel h2").text == "accel_init_machine"
    page.browser.back()
    assert page.find(".panel h2").text == "kvm_init"


def test_a_call_shows_the_source_line_that_makes_it(page, run):
    page.open("function=kvm_init@kvm-all")
    page.find(".panel-call small a").click()
    [marked] = page.texts(".panel .source .marked")[:1]
    assert any(
        text.strip() in marked for lines in run.recording.sources.values() for text in lines.values() if text
    )
    assert "init_machine(" in marked


def test_every_ioctl_of_the_recording_is_there(page, run):
    page.open("view=ioctls")
    expected = Counter(name_of(entry.request) for entry in run.recording.ioctl_log)
    assert Counter(row[3] for row in page.table(8)) == expected
    hierarchy = page.find(".descriptors").text
    assert hierarchy.index("KVM_CREATE_VM") < hierarchy.index("KVM_CREATE_VCPU") < hierarchy.index("KVM_RUN")


def test_every_backtrace_is_there(page, run):
    page.open("view=backtraces&each=1")
    expected = [len(stop.frames) for stop in run.recording.stops]
    assert [int(row[3]) for row in page.table(5)] == expected
    page.open("view=provenance")
    assert "CPU 0/KVM" in page.find(".view").text


def test_every_pointer_of_the_recording_is_there(page, run):
    page.open("view=pointers")
    shown = {(row[0], row[2]) for row in page.table(7)}
    for pointer in run.recording.pointers.values():
        assert any(slot.endswith(pointer.slot) for slot, _ in shown)


def test_the_report_is_small(run):
    assert (run.folder / "report.html").stat().st_size < 700_000
