"""What the tests of the importer share: text in, chains out."""

from __future__ import annotations

from textwrap import dedent

from analyzer.backtraces.importer import recording_from_text
from analyzer.graph.chains import whole_chain
from analyzer.graph.merge import graph_of
from analyzer.model.recording import Recording
from reports.text.backtraces import backtraces
from tests.support.notation import as_text

PLAIN = """\
#0  leaf (n=3) at hw/leaf.c:7
#1  0x0000000000401136 in middle (p=0x7ffe "x, y)") at hw/middle.c:12
#2  0x0000000000401150 in main (argc=1, argv=0x7ffe) at main.c:20
"""
CHAIN = "main .> middle .> leaf"
THREADS = """\
[New Thread 0x7ffff6 (LWP 101)]

Thread 3 (Thread 0x7ffff5 (LWP 102) "CPU 0/KVM"):
#0  0x01 in ioctl () from /lib/libc.so.6
#1  0x02 in kvm_vcpu_ioctl (cpu=0x1) at accel/kvm/kvm-all.c:10
#2  0x03 in start_thread () from /lib/libc.so.6
#3  0x04 in clone () from /lib/libc.so.6

Thread 2 (Thread 0x7ffff6 (LWP 101)):
#0  0x01 in poll () from /lib/libc.so.6
#1  0x02 in worker (p=0x0) at util/worker.c:3
#2  0x03 in start_thread () from /lib/libc.so.6

Thread 1 (Thread 0x7ffff7 (LWP 100) "qemu-system-x86"):
#0  0x01 in ppoll () from /lib/libc.so.6
#1  0x02 in main_loop (x=0x0) at util/main-loop.c:3
#2  0x03 in main () at vl.c:7
"""


def imported(text: str, text_format: str = "") -> Recording:
    """The recording of a text; its graph keeps its invariants."""
    recording = recording_from_text(dedent(text).splitlines(keepends=True), "pasted.txt", text_format)
    graph_of(recording).check()
    return recording


def chains_in(text: str, text_format: str = "") -> list[str]:
    """The chains of its stacks in the notation."""
    recording = imported(text, text_format)
    return [as_text(whole_chain(stop, recording)) for stop in recording.stops]


def unread(recording: Recording) -> list[str]:
    """The notes on lines that could not be read."""
    return [note for note in recording.notes if "could not be read" in note]


def shown(recording: Recording) -> str:
    """All that `analyze show` prints."""
    return "\n".join(backtraces(recording))
