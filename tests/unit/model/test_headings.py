"""What is written around a stack is read back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.model.headings import (
    MAIN_THREAD,
    StackHeading,
    is_creator,
    read_heading,
    read_thread,
    write_creator,
    write_heading,
    write_thread,
)
from gdbscripts.enums import StopReason

IOCTL = ("KVM_RUN", "anon_inode:kvm-vcpu:0")
HEADINGS = [
    StackHeading(StopReason.MILESTONE, MAIN_THREAD, 0.313, titles=("QEMU starts",)),
    StackHeading(StopReason.MILESTONE, MAIN_THREAD, 0.313, titles=("QEMU starts", "Asked for: main")),
    StackHeading(StopReason.MILESTONE, "CPU 0/KVM", 1.5, titles=("The guest runs",), ioctl=IOCTL),
    StackHeading(StopReason.BREAK, MAIN_THREAD, 2.0, titles=("Asked for: goal",)),
    StackHeading(StopReason.THREAD_CREATE, MAIN_THREAD, 0.2, "qemu_thread_start"),
    StackHeading(StopReason.WHERE, "thread 7", 12.0),
    StackHeading(StopReason.ATTACH, MAIN_THREAD, 0.1),
    StackHeading(StopReason.SIGNAL, "CPU 0/KVM", 0.1, "SIGSEGV"),
    StackHeading(StopReason.STORE, MAIN_THREAD, 0.001),
    StackHeading(StopReason.IO, "CPU 0/KVM", 0.0, "A::operator()(int) const"),
]


@pytest.mark.parametrize("heading", HEADINGS, ids=lambda heading: heading.reason)
@pytest.mark.parametrize("thread", ["", "IO (mon), x", "worker"])
@pytest.mark.parametrize("count", [1, 12])
def test_a_heading_is_read_back(heading, thread, count):
    heading = replace(heading, thread=thread or heading.thread, count=count)
    assert read_heading(write_heading(heading)) == heading


def test_a_sample_is_read_as_a_stack_that_ends_at_a_milestone_of_its_own():
    sample = StackHeading(StopReason.SAMPLE, "worker", 0.5, "f", count=3)
    milestone = StackHeading(StopReason.MILESTONE, "worker", 0.5, titles=("In f",), count=3)
    assert read_heading(write_heading(sample)) == milestone
    assert write_heading(milestone) == write_heading(sample)


def test_every_reason_is_tried():
    assert {heading.reason for heading in HEADINGS} == set(StopReason) - {StopReason.SAMPLE}


def test_no_two_reasons_are_written_alike():
    written = [write_heading(replace(heading, thread="t", time=1.0)) for heading in HEADINGS]
    assert len(set(written)) == len(HEADINGS)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "== ",
        "== x",
        "x (main thread, 0.313 s)",
        "== x (main thread)",
        "== x (main thread, 0.31 s)",
        "== x (, )",
    ],
)
def test_another_line_is_no_heading(line):
    assert read_heading(line) is None


@given(st.text(max_size=80))
def test_any_line_is_read_or_is_no_heading(text):
    found = read_heading(f"== {text} (main thread, 0.100 s)")
    assert found is None or found.sentence == text.strip()


@pytest.mark.parametrize(
    ("number", "name", "label"), [(1, "qemu", "main thread"), (3, "", "thread 3"), (3, "CPU 0/KVM", "CPU 0/KVM")]
)
def test_the_label_of_a_thread_names_it(number, name, label):
    assert write_thread(number, name) == label
    assert write_thread(*read_thread(label)) == label


def test_the_line_above_the_creators_stack_is_known():
    assert is_creator(write_creator("CPU 0/KVM"))
    assert not is_creator("-- CPU 0/KVM")
