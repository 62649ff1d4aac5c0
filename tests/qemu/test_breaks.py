"""--break with globs, --break-calls-of and --break-limit, on a real QEMU that starts a guest."""

from __future__ import annotations

import re
import subprocess

import pytest

from analyzer.adapters.gdb import Gdb
from analyzer.adapters.qemu import examine
from analyzer.model.frames import without_compiler_suffix
from analyzer.recording.break_functions import select_functions
from gdbscripts.enums import StopReason
from tests.conftest import ANALYZE
from tests.qemu.conftest import Run, startup
from tests.support.definitions import read_recording

FAST = ("--no-pointers", "--no-kernel", "--no-ioctls")


@pytest.fixture(scope="module")
def kvm(qemu, tmp_path_factory) -> Run:
    """A start with all functions of QEMU's KVM code recorded."""
    return startup(qemu, tmp_path_factory.mktemp("runs") / "kvm", "--break", "kvm_*", *FAST)


def test_a_glob_of_hundreds_of_functions_gives_a_complete_recording(kvm):
    assert kvm.status == 0, kvm.out + kvm.err
    recording = kvm.recording
    assert recording.not_reached == []
    told = re.search(r"--break 'kvm_\*' records (\d+) functions", kvm.out)
    assert told is not None
    selected = [milestone for milestone in recording.milestones if milestone.pattern == "kvm_*"]
    assert len(selected) == int(told[1]) > 100
    assert all(milestone.found for milestone in selected)
    hit = {milestone.name for milestone in selected} & recording.reached
    assert f"{len(hit)} of {told[1]} functions of --break 'kvm_*' were hit" in kvm.out
    assert {"break kvm_init", "break kvm_ioctl", "break kvm_cpu_exec"} <= hit
    assert kvm.out.count("Asked for") == 0
    assert len(kvm.out.splitlines()) < 30


def test_every_hit_is_in_the_function_that_it_is_recorded_for(kvm):
    checked = 0
    for stop in kvm.recording.stops:
        names = [frame.function.name for frame in stop.frames]
        for name in stop.milestones if stop.reason is StopReason.BREAK else ():
            assert name.removeprefix("break ") in [without_compiler_suffix(each) for each in names[:4]], names
            checked += 1
    assert checked > 100


def test_the_breakpoints_are_all_that_gdb_would_set_by_name(qemu):
    """With link-time optimisation gdb lacks functions that the debug information has; it has none besides."""
    facts = examine(qemu)
    (selection,) = select_functions(["kvm_[a-c]*"], 0, (), facts.debug_files.symbols)
    with Gdb(qemu) as gdb:
        gdb.use_debug_files(facts.debug_files.links())
        gdb.console("python from gdbscripts.load_address import after_prologue as after")
        for step in selection.steps[:60]:
            gdb.console(f"python b = gdb.Breakpoint({step.functions[0]!r})")
            gdb.console(
                f"python theirs = set() if b.pending else {{each.address for each in b.locations}}; b.delete(); "
                f"ours = {{after(a) for a in {step.addresses!r}}} | set({step.inlined!r}); "
                f"assert theirs <= ours, (theirs - ours)"
            )


def test_the_calls_of_kvm_init_are_those_of_its_source(qemu, tmp_path):
    run = startup(qemu, tmp_path / "out", "--break-calls-of", "kvm_init", *FAST)
    assert run.status == 0, run.out + run.err
    stops = [stop for stop in run.recording.stops if stop.reason is StopReason.BREAK]
    callees = set()
    for stop in stops:
        names = [frame.function.name for frame in stop.frames]
        callees.update(names[: names.index("kvm_init")])
        assert stop.milestones == ("break calls of kvm_init",)
        assert names.index("kvm_init") <= 3  # the callee, and what is inlined into it at its first instruction
    assert {"kvm_ioctl", "kvm_check_extension", "kvm_arch_init", "memory_listener_register"} <= callees
    graph = subprocess.run(
        [ANALYZE, "paths", str(run.folder), "--from", "kvm_init", "--to", "memory_listener_register"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert graph.returncode == 0, graph.stdout + graph.stderr


def test_a_limit_says_what_it_cut(qemu, tmp_path):
    options = ("--break", "memory_region_init", "--break", "kvm_init", "--break-limit", "2")
    run = startup(qemu, tmp_path / "out", *options, *FAST)
    assert run.status == 0, run.out + run.err
    assert "--break-limit 2: the first 2 hits of memory_region_init are recorded" in run.out
    assert "at least one more hit" in run.out and "give no --break-limit to have all" in run.out
    hits = sum(
        stop.count for stop in read_recording(run.folder).stops if "break memory_region_init" in stop.milestones
    )
    assert hits == 2


@pytest.mark.parametrize(
    ("text", "near"), [("kvm_inti*", "kvm_init"), ("file:hw/i387/*", "hw/i386"), ("kvm_inti", "kvm_init")]
)
def test_a_glob_that_matches_nothing_is_refused_before_qemu_starts(text, near, qemu, tmp_path):
    run = startup(qemu, tmp_path / "out", "--break", text)
    assert run.status == 2
    assert near in run.err
    assert not (tmp_path / "out").exists()
