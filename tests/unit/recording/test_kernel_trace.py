"""What is told of the kernel's side of a recording, given the text of its trace."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import ClassVar

from analyzer.errors import AnalyzerError
from analyzer.model.kvm import Ioctl
from analyzer.recording.kernel_trace import KernelTrace
from gdbscripts.records import KernelTraceRecord, NoteRecord

ENTERED = "       CPU 0/KVM-7       [000] .....   100.200001: sys_ioctl(fd: 9, cmd: 0xae80, arg: 0)\n"


class Trace(nullcontext):
    lost = 0
    lines: ClassVar[list[str]] = [ENTERED]

    def stop(self):
        pass

    def close(self):
        pass

    def read(self):
        return self.lines


def notes(*returned):
    """What is noted of ioctls with these answers, of which the trace has the first only."""
    ledger = [
        Ioctl(number, 0.1 + number, 1, 9, "kvm-vcpu:0", 0xAE80, 0, b"", b"", answer, ())
        for number, answer in enumerate(returned)
    ]
    recording = SimpleNamespace(ioctl_log=ledger, exits=(), thread=lambda _number: SimpleNamespace(tid=7))
    records = KernelTrace(Trace).records(recording, started=100.1)
    return [record.text for record in records if isinstance(record, NoteRecord)]


def test_ioctls_that_the_trace_lacks_are_noted():
    assert notes(0, 0, 0) == ["2 of 3 ioctls are missing from the kernel trace; record again."]
    assert notes(0) == []


def test_where_all_are_missing_the_note_says_what_the_trace_has_instead(monkeypatch):
    monkeypatch.setattr(Trace, "lines", [])
    assert "The trace has 0 events, 0 of them of these threads; the ioctls are from 100.2" in notes(0, 0)[0]
    monkeypatch.setattr(Trace, "lines", [ENTERED.replace("100.200001", " 90.200001")])  # of another clock
    assert "The trace has 1 events, 1 of them of these threads, from 90.200001 to 90.200001 s; " in notes(0, 0)[0]
    monkeypatch.setattr(Trace, "lines", [ENTERED.replace("KVM-7 ", "KVM-9 ")])  # of another process
    assert "The trace has 1 events, 0 of them of these threads, from 100.200001" in notes(0, 0)[0]


def test_a_thread_that_still_stood_before_its_ioctl_has_not_asked_the_kernel():
    assert notes(0, None) == []


def test_a_host_that_forbids_the_trace_is_a_reason_and_no_error():
    def refuse():
        raise AnalyzerError("Only root can record kernel events.", "Run this as root.")

    with KernelTrace(refuse) as trace:
        trace.follow(1)
        trace.stop()
        (record,) = trace.records(SimpleNamespace(), started=0.0)
    assert record == KernelTraceRecord(False, "Only root can record kernel events. Run this as root.")


def test_the_trace_is_removed_while_the_results_are_written_and_is_gone_at_the_end():
    removed = []

    class Removed(Trace):
        def close(self):
            removed.append(1)

    with KernelTrace(Removed) as trace:
        list(trace.records(SimpleNamespace(ioctl_log=(), exits=()), started=0.0))
        trace._worker.join()
        assert removed
    with KernelTrace(Removed):
        removed.clear()
    assert removed  # without a recording, too
