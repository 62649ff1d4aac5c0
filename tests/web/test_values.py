"""What the views show is what the recording has: the expected values come from the recording itself."""

from __future__ import annotations

from collections import Counter

from gdbscripts.call_kinds import call_arrow
from tests.support.notation import recording

RECORDED = recording(
    "main > kvm_init *> goal", "main > kvm_init t> helper *> goal", "main > other > goal", "main > other > goal"
)


def frames():
    return [frame for stop in RECORDED.stops for frame in stop.frames]


def test_the_functions_with_their_files_and_numbers_of_frames(open_page):
    expected = Counter((frame.function.name, frame.defined_in) for frame in frames())
    rows = open_page(RECORDED, address="view=functions").table(6)
    assert {(row[0], row[1]): int(row[2]) for row in rows} == expected


def test_the_calls_with_their_kinds_and_numbers_of_stacks(open_page):
    expected = Counter(
        (outer.function.name, call_arrow(outer.call), inner.function.name)
        for stop in RECORDED.stops
        for inner, outer in zip(stop.frames, stop.frames[1:], strict=False)
    )
    rows = open_page(RECORDED, address="view=graph").table(5)
    assert {(row[0], row[1], row[2]): int(row[3]) for row in rows} == expected


def test_the_backtraces_with_their_depths_and_frames(open_page):
    page = open_page(RECORDED, address="view=backtraces&each=1")
    assert [int(row[3]) for row in page.table(5)] == [len(stop.frames) for stop in RECORDED.stops]
    for number, stop in enumerate(RECORDED.stops):
        page.open(f"view=backtraces&each=1&stop={number}")
        shown = page.texts(".panel .frames li")
        assert shown == [f"{frame.name} {frame.file}:{frame.line}" for frame in stop.frames]


def test_the_details_of_a_function(open_page):
    page = open_page(RECORDED, address="function=goal@main")
    callers = Counter(stop.frames[1].function.name for stop in RECORDED.stops)
    shown = page.texts(".panel-call > div")
    assert len(shown) == len(callers)
    for name, count in callers.items():
        assert any(name in text and f"{count} stack" in text for text in shown)
    assert "(value=1)" in page.texts(".panel .arguments")
