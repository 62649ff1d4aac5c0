"""What people read and other programs parse, whole, against approved files.

`APPROVE=1 .venv/bin/pytest tests/unit/test_approved.py` accepts what changed; look at the difference in git first.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer import __version__
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import merge
from analyzer.model.frames import DefinedFunction, Function, IoctlAtStop, Stack, Thread, call_key
from analyzer.model.pointers import Pointer
from gdbscripts.enums import PointerOutcome, SlotKind, StopReason
from reports.ci import markdown, sarif
from reports.dot.call_graph import to_dot
from reports.text import diff
from reports.text.backtraces import backtraces
from tests.support import verdicts
from tests.support.notation import recording

APPROVED = Path(__file__).with_name("approved")


def example():
    """A main thread that reaches a goal through a pointer and starts a thread that makes an ioctl."""
    base = recording(
        "main@vl > accel_init@accel *> goal@kvm-all",
        "main@vl > realize@qdev t> start@cpus > pthread_create",
        "clone3 *> vcpu_fn@cpus i> goal@kvm-all > ioctl",
    )
    reached, creation, run = base.stops
    start = Function("vcpu_fn", "cpus")
    creation = replace(
        creation,
        reason=StopReason.THREAD_CREATE,
        milestones=(),
        function="pthread_create",
        starts=DefinedFunction(start, "hw/cpus.c"),
    )
    run = replace(
        run, thread=2, function="ioctl", ioctl=IoctlAtStop("KVM_RUN", 0xAE80, 12, "anon_inode:kvm-vcpu:0", None)
    )
    threads = (*base.threads, Thread(2, 101, "CPU 0/KVM", created_by=1, start=start))
    caller = replace(reached.frames[1], pc=0x2000)
    reached = replace(reached, stack=Stack((reached.frames[0], caller, *reached.frames[2:])))
    pointer = Pointer(
        SlotKind.MEMBER, "AccelClass.init_machine", 0, 0x1000, "goal", PointerOutcome.UNKNOWN, "too late", (), ()
    )
    pointers = {call_key(reached.frames, 1, "goal"): pointer}
    return replace(base, stops=(reached, creation, run), threads=threads, pointers=pointers)


OUTPUTS = {
    "graph.json": lambda: to_json(merge([example()])),
    "graph.dot": lambda: to_dot(merge([example()])),
    "graph.graphml": lambda: merge([example()]).to_graphml(),
    "backtraces.txt": lambda: "\n".join(backtraces(example())),
    "changes.txt": lambda: diff.render(verdicts.example(), width=120),
    "changes.md": lambda: markdown.render(verdicts.example()),
    "changes.sarif": lambda: sarif.render(verdicts.example()).replace(
        f'"semanticVersion": "{__version__}"', '"semanticVersion": "0.0.0"'
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_output_is_the_approved_one(name):
    file = APPROVED / name
    actual = OUTPUTS[name]()
    if os.environ.get("APPROVE") == "1":
        APPROVED.mkdir(exist_ok=True)
        file.write_text(actual)
    assert actual == file.read_text(), "see this file's head for how to accept it"
