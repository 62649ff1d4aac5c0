"""The views that are tables. The expected values come from the recording, not from the page's data."""

from __future__ import annotations

from collections import Counter

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from analyzer.kvm.io_accesses import io_accesses
from analyzer.kvm.ioctl_log import ioctl_log
from reports.text.backtraces import backtrace
from tests.support.exports import example, named

RECORDED = example()
LOG = list(ioctl_log(RECORDED))


def choose(page, option, text):
    """Choose, in the list with this title, the value that begins with `text`."""
    titles = page.texts(".choice span")
    chosen = Select(
        page.evaluate(
            "document.querySelectorAll('.choice')[arguments[0]].querySelector('select')", titles.index(option)
        )
    )
    chosen.select_by_visible_text(next(each.text for each in chosen.options if each.text.startswith(text)))


def test_the_ioctl_log_has_each_ioctl_with_its_decoded_argument_and_result(open_page):
    page = open_page(RECORDED, address="view=ioctls")
    shown = [(row[1], row[3], row[4], row[5]) for row in page.table(8)]
    assert shown == [(line.thread, line.request, line.argument, line.result) for line in LOG]
    assert [row[0] for row in page.table(8)] == [f"{line.time:.6f}" for line in LOG]
    page.assert_quiet()


def test_the_ioctls_are_chosen_by_request_and_descriptor_and_the_totals_follow(open_page):
    page = open_page(RECORDED, address="view=ioctls")
    choose(page, "Request", "KVM_RUN")
    runs = [line for line in LOG if line.request == "KVM_RUN"]
    assert len(page.table(8)) == len(runs)
    assert f"{len(runs)} ioctls" in page.texts(".totals summary")[0]
    assert "request=KVM_RUN" in page.hash()
    assert len(page.open(page.hash()[1:]).table(8)) == len(runs)
    page.open("view=ioctls")
    page.find(".hierarchy button").click()
    first = LOG[0]
    assert {row[2] for row in page.table(8)} == {f"{first.descriptor} {first.fd}"}


def test_a_click_on_a_heading_sorts_and_a_second_one_reverses(open_page):
    page = open_page(RECORDED, address="view=ioctls")
    for expected in (sorted, lambda names: sorted(names, reverse=True)):
        page.find("[role=columnheader]:nth-child(4) button").click()
        names = [row[3] for row in page.table(8)]
        assert names == expected(line.request for line in LOG)


def test_equal_accesses_are_folded_with_their_number_and_can_be_unfolded(open_page):
    accesses = io_accesses(RECORDED)
    page = open_page(RECORDED, address="view=io")
    assert sum(int(row[1]) for row in page.table(8)) == len(accesses)
    assert page.texts(".exits tbody td:nth-child(2)") == [str(count) for count in RECORDED.exit_counts.values()]
    page.find(".choice input").click()
    assert sum(int(row[1]) for row in page.table(8)) == len(accesses)
    assert "unfold=1" in page.hash()
    assert page.texts(".lane h3") == ["Guest", "KVM", "QEMU", "Device"]


def test_a_pointer_has_its_slot_caller_and_target(open_page):
    rows = open_page(RECORDED, address="view=pointers").table(7)
    assert [row[:3] for row in rows] == [["AccelClass.init_machine", "accel_init", "goal"]]


def test_the_functions_are_found_by_the_filter(open_page):
    page = open_page(RECORDED, address="view=functions&filter=walk")
    assert [row[0] for row in page.table(6)] == ["walk"]


def test_distinct_stacks_have_the_sum_of_their_hits(open_page):
    counts = Counter()
    for stop in RECORDED.stops:
        counts[stop.thread, stop.frames] += stop.count
    page = open_page(RECORDED, address="view=backtraces")
    assert sorted(int(row[4]) for row in page.table(5)) == sorted(counts.values())


@pytest.mark.parametrize("recorded", [RECORDED, named("</script><b>x")])
def test_a_backtrace_is_the_text_that_gdb_prints_and_the_button_copies_it(open_page, recorded):
    page = open_page(recorded, address="view=backtraces")
    for number in range(len(page.table(5))):
        page.open(f"view=backtraces&each=1&stop={number}")
        shown = page.texts(".gdb-text")[0]
        assert shown in {backtrace(stop, recorded) for stop in recorded.stops}
    page.find(".copy").click()
    page.evaluate("new Promise(done => setTimeout(done, 100))")
    assert page.texts(".copy") == ["Copied"]
    page.assert_quiet()


def test_the_table_is_used_by_keyboard(open_page):
    page = open_page(RECORDED, address="view=ioctls")
    page.find(".table").send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    assert page.texts(".panel h2") == [LOG[1].request]
    assert "ioctl=1" in page.hash()


def test_provenance_has_the_kinds_of_calls_with_their_numbers(open_page):
    page = open_page(RECORDED, address="view=provenance")
    assert "call through a pointer" in page.texts("td")
    assert page.find(".view").text.count("\n") > 5
    page.assert_quiet()
