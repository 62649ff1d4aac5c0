"""The first screen and the story; expected values come from the recording."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from selenium.webdriver.common.keys import Keys

from analyzer.graph.chains import own_chain
from analyzer.graph.merge import graph_of
from analyzer.model.frames import DefinedFunction, Function, IoctlAtStop, Stack, Stop, Thread
from analyzer.model.kvm import Ioctl
from analyzer.model.pointers import Pointer, PointerOrigin
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind, StopReason
from gdbscripts.records import MilestoneRecord
from reports.html.page_document import page_document
from reports.html.render import render
from tests.support.notation import frame, recording
from tests.support.web import Page

KVM_RUN = 0xAE80
SLOT = "AccelClass.init_machine"


LIBC = {"library": "/lib/libc.so.6"}
VCPU_FD = "anon_inode:kvm-vcpu:0"


def way():
    """A recording of the way to a guest: a pointer decides, a thread starts, an ioctl runs the guest."""
    base = recording("main > init *> kvm_init")
    kvm_init = base.stops[0]
    outer = tuple(each.pc for each in kvm_init.frames[1:])
    return replace(
        base,
        stops=tuple(stops(kvm_init)),
        milestones=(
            milestone("init", "KVM is initialised", "kvm_init"),
            milestone("run", "The guest runs", "ioctl", request="KVM_RUN"),
        ),
        threads=(Thread(1, 100, "qemu"), Thread(2, 101, "CPU 0/KVM", 1, Function("vcpu", "cpu"))),
        ioctl_log=(Ioctl(0, 0.3, 2, 7, VCPU_FD, KVM_RUN, 0, b"", b"", 0, running()),),
        pointers={("kvm_init", outer): pointer()},
        outputs={"serial": "hello from the guest\n"},
        sources={
            "hw/main.c": {11: "{", 12: "  ac->init_machine(ms);", 13: "}", 77: "ac->init_machine = kvm_init;"}
        },
    )


def stops(kvm_init):
    creating = Stack(
        (
            frame("pthread_create@[libc]", **LIBC),
            frame("start@main", CallKind.DIRECT, 31),
            frame("main", CallKind.DIRECT, 10),
        )
    )
    starts = DefinedFunction(Function("vcpu", "cpu"), "hw/cpu.c")
    ioctl = IoctlAtStop("KVM_RUN", KVM_RUN, 7, VCPU_FD, 0)
    yield replace(kvm_init, number=0, time=0.1, milestones=("init",), function="kvm_init")
    yield Stop(1, 0.2, 1, StopReason.THREAD_CREATE, (), "pthread_create", creating, starts=starts)
    yield Stop(2, 0.3, 2, StopReason.MILESTONE, ("run",), "ioctl", running(), ioctl=ioctl)


@cache
def running():
    """The stack of the vCPU thread in its ioctl."""
    return Stack(
        (
            frame("ioctl@[libc]", **LIBC),
            frame("exec@cpu", CallKind.DIRECT, 41),
            frame("vcpu@cpu", CallKind.DIRECT, 40),
        )
    )


def milestone(name, title, function, **more):
    return MilestoneRecord(name, title, True, [function], [], about=f"About {title}.", target=True, **more)


def pointer():
    setter = Function("class_init", "main")
    origin = PointerOrigin(PointerOriginKind.STORED, SLOT, setter, "hw/main.c", 77, 0x10, None)
    return Pointer(SlotKind.MEMBER, SLOT, 0x10, 0x20, "kvm_init", PointerOutcome.EXPLAINED, "", (), (origin,))


@pytest.fixture
def recorded():
    return way()


def test_the_first_screen_shows_the_way_to_the_guest(open_page, recorded):
    page = open_page(recorded)
    rows = page.texts(".map > ol > li")
    assert [recorded.titles[name] in row for name, row in zip(("init", "run"), rows, strict=True)] == [True, True]
    assert "0.100 s" in rows[0]
    assert "0.300 s" in rows[1]
    assert SLOT in rows[0]
    assert "KVM_RUN" in rows[1]
    assert page.texts(".map-lane") == [*(thread.label for thread in recorded.threads), "kernel", "guest"]
    assert "CPU 0/KVM, started by main thread" in rows[1]
    assert (
        "All 2 required milestones were reached; the last one, “The guest runs”, after 0.300 s."
        in page.find(".view").text
    )
    assert page.find(".terminal").text == recorded.outputs["serial"].strip()
    assert (
        page.evaluate("document.querySelectorAll('.map-start, .map-ioctl.documented, .map-pointer').length") >= 3
    )
    page.assert_quiet()


def test_the_first_screen_says_what_was_not_observed(open_page, recorded):
    late = MilestoneRecord("late", "A late goal", True, ["late_fn"], [])
    page = open_page(
        replace(recorded, milestones=(*recorded.milestones, late), notes=("The kernel lost 3 events.",))
    )
    assert page.texts(".problems li") == ["Never reached: A late goal (late_fn).", "The kernel lost 3 events."]
    assert "2 of 3 required milestones were reached." in page.find(".view").text


def test_a_milestone_of_the_map_leads_to_its_chapter(open_page, recorded):
    page = open_page(recorded)
    page.find(".map a.title").click()
    assert page.hash() == "#view=story&chapter=init"
    assert page.find(".chapter h3").text.startswith("KVM is initialised")
    page.browser.back()
    page.find(".map .request").click()
    assert page.hash() == "#view=ioctls&filter=KVM_RUN"


def test_each_card_is_one_line_with_the_call_the_place_the_slot_and_who_set_it(open_page, recorded):
    page = open_page(recorded, address="view=story")
    lines = page.texts(".chapter:first-of-type .card-line")
    steps = own_chain(recorded.stops[0], recorded)
    assert len(lines) == len(steps)
    for line, step in zip(lines, steps, strict=True):
        assert step.function.name in line
        assert f"{step.file}:{step.line}" in line
        assert (CALL_KINDS[step.kind].sentence if step.kind else "starts here") in line
    assert f"through {SLOT}, stored in {SLOT} by class_init, hw/main.c:77" in lines[-1]
    assert page.texts(".card-body > *") == []


def test_a_card_opens_to_its_source_and_folds_again(open_page, recorded):
    page = open_page(recorded, address="view=story")
    fold = page.browser.find_elements("css selector", ".fold")[1]
    fold.click()
    assert fold.get_attribute("aria-expanded") == "true"
    assert "ac->init_machine(ms);" in page.find(".card-body .marked").text
    assert page.find(".card-body .arguments").text == "(value=1)"
    fold.click()
    assert not page.find(".card-body .marked").is_displayed()


def test_expand_all_opens_every_card_and_is_kept_in_the_address(open_page, recorded):
    page = open_page(recorded, address="view=story")
    page.find("#expand-all").click()
    assert page.hash() == "#view=story&open=all"
    states = "[...new Set([...document.querySelectorAll('.fold')].map(each => each.ariaExpanded))]"
    assert page.evaluate(states) == ["true"]
    assert "stored in" in page.find(".card-body .origins").text
    page.find("#fold-all").click()
    assert page.evaluate(states) == ["false"]


def test_arrows_walk_along_the_chain(open_page, recorded):
    page = open_page(recorded, address="view=story")
    focused = "document.activeElement.closest('.card')?.querySelector('.card-line .name').textContent"
    page.find("body").send_keys(Keys.DOWN)
    walked = [page.evaluate(focused)]
    for _ in range(2):
        page.press(Keys.DOWN)
        walked.append(page.evaluate(focused))
    assert walked == ["main", "init", "kvm_init"]
    page.press(Keys.UP)
    page.press(Keys.RIGHT)
    assert page.find(".card-body .marked").is_displayed()
    page.press(Keys.LEFT)
    assert not page.find(".card-body .marked").is_displayed()


def test_steps_shared_with_the_previous_chain_are_one_line(open_page, recorded):
    page = open_page(recorded, address="view=story")
    shared = page.find(".shared")
    assert shared.text == "1 function shared with the previous chain: main"
    shared.click()
    assert page.texts(".chapter:nth-of-type(2) .card-line .name")[0] == "main"


def test_the_filter_leaves_matching_cards(open_page, recorded):
    page = open_page(recorded, address="view=story&filter=init_machine")
    shown = [
        each.text
        for each in page.browser.find_elements("css selector", ".card .card-line > .name")
        if each.is_displayed()
    ]
    assert shown == ["kvm_init"]


def test_a_graph_alone_has_a_map_without_times(open_page, recorded, tmp_path, browser):
    file = tmp_path / "graph.html"
    file.write_text(render(page_document(graph_of(recorded), [])))
    page = Page(browser, file).open()
    assert page.texts(".map .title") == ["KVM is initialised", "The guest runs"]
    assert page.texts(".map .time") == []
    page.assert_quiet()


def test_the_details_of_a_function_have_the_source_of_its_calls(open_page, recorded):
    page = open_page(recorded, address="function=init@main")
    assert "ac->init_machine(ms);" in page.find(".panel .source .marked").text
