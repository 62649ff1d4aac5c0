"""The main job on a real QEMU with a real KVM guest, item by item."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from analyzer.build.provenance import provenance_of
from analyzer.commands.report import write_report
from analyzer.graph.chains import whole_chain
from analyzer.graph.json_format import to_json
from analyzer.graph.merge import merge
from analyzer.model.frames import without_compiler_suffix
from analyzer.recording.guest import TINY_EXIT_STATUSES, TINY_IMAGE
from gdbscripts.call_kinds import CallKind
from tests.conftest import need_tool
from tests.qemu.conftest import startup
from tests.support.gdb_backtraces import assert_like_bt

TAKE_BT = Path(__file__).parents[1] / "gdb" / "take_bt.py"
LADDER = ["KVM_CREATE_VM", "KVM_CREATE_VCPU", "KVM_RUN"]


def test_the_run_is_complete_and_tells_where_the_report_is(run):
    assert run.status == 0, run.out + run.err
    assert f"Report: {run.folder / 'report.html'}" in run.out
    assert {path.name for path in run.folder.iterdir()} == {
        "recording.jsonl", "graph.json", "graph.svg", "backtraces.txt", "report.html",
    }  # fmt: skip


def test_each_milestone_is_told_as_it_is_reached(run):
    titles = [milestone.title for milestone in run.recording.milestones if milestone.name in run.recording.reached]
    positions = [run.out.index(title) for title in titles]
    assert positions == sorted(positions)
    assert len(titles) >= 9


def test_the_guest_is_real(qemu, run):
    recording = run.recording
    assert recording.accelerator.name == "kvm"
    assert "tiny guest: wrote port 80" in recording.outputs["serial"]
    assert "timer interrupts: 1" in recording.outputs["serial"]
    assert recording.exit.status == TINY_EXIT_STATUSES[0]
    assert recording.header.build_id
    assert recording.header.build == provenance_of(qemu, recording.header.build_id)


def test_the_guest_boots_in_well_under_a_second(qemu, run, tmp_path):
    """Untraced, a tenth of a second; the bound leaves room for a busy machine."""
    script = f"time -p {' '.join(run.recording.header.command).replace(str(run.folder), str(tmp_path))}"
    script = re.sub(r"-serial \S+", f"-serial file:{tmp_path}/serial", script)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == TINY_EXIT_STATUSES[0]
    assert float(re.search(r"real ([\d.]+)", done.stderr)[1]) < 1.0


def test_every_required_milestone_was_reached(run):
    recording = run.recording
    assert recording.not_reached == []
    assert recording.end.outcome == "complete"
    required = {milestone.name for milestone in recording.milestones if milestone.required}
    assert {"main", "kvm-init", "init-vcpu", "vcpu-thread", "kvm-cpu-exec", "kvm-run"} <= required


FEW = ("object_new", "memory_region_init", "notifier_list_notify")
MANY = (
    "object_property_set", "memory_region_init", "qdev_realize", "kvm_ioctl", "kvm_vm_ioctl", "kvm_vcpu_ioctl",
    "type_initialize",
)  # fmt: skip


def recording_of_breaks(qemu, folder, breaks, limit, prepare=()):
    """The recording of a run with `--break` of some functions; gdb executes the commands of `prepare` before."""
    from analyzer.adapters.gdb import Gdb
    from analyzer.adapters.qemu import examine
    from analyzer.output_folder import prepare_folder
    from analyzer.recording import session
    from analyzer.recording.guest import choose_guest
    from analyzer.recording.request import RecordingOptions, RecordingRequest
    from analyzer.recording.scenarios import load_scenario
    from tests.support.definitions import read_recording

    options = RecordingOptions(
        breaks=breaks, timeout=300, linger=1, break_limit=limit, pointers=False, ioctls=False
    )
    request = RecordingRequest(
        options=options, qemu=examine(qemu), scenario=load_scenario("startup", "kvm"), guest=choose_guest("tiny"),
        build={},
    )  # fmt: skip
    with Gdb(qemu) as gdb:
        for command in prepare:
            gdb.console(command)
        watcher = session.RecordingReporter(lambda: None, lambda _: None, lambda *_: None, lambda *_: None)
        prepare_folder(folder, force=False)
        session.record(request, folder, gdb, None, watcher)
    return read_recording(folder)


@pytest.mark.parametrize(
    ("breaks", "limit", "compares", "known"), [(FEW, 500, 1, 1.0), (MANY, 0, 25, 0.8)], ids=["few", "many"]
)
def test_the_backtraces_are_gdbs_own(qemu, tmp_path, breaks, limit, compares, known):
    """gdb prints `bt` at the same stops of the same run; frame by frame, with arguments, they are equal.

    At every hit numbered a multiple of `compares` the arguments of a stack recorded before are compared, too.
    """
    taken = tmp_path / "bt.txt"
    prepare = (f"source {TAKE_BT}", f"python take_bt({str(taken)!r}, {compares})")
    recording = recording_of_breaks(qemu, tmp_path, breaks, limit, prepare)
    assert assert_like_bt(recording, taken, least_known=known) > 300


def test_gdb_shows_few_frames_of_many_different_stacks(qemu, tmp_path):
    """Of some 14 frames on each stack, gdb is asked for those that are new, and for those inside of them."""
    recording = recording_of_breaks(qemu, tmp_path, MANY, 0)
    hits = sum(stop.count for stop in recording.stops)
    assert len(recording.stops) > 1000
    assert recording.end.gdb_frames <= 4 * len(recording.stops)
    assert recording.end.memory_reads <= hits + 100, "one read of the stack at each hit"


def test_arguments_have_values_and_places_are_relative(run):
    recording = run.recording
    stop = next(stop for stop in recording.stops if stop.function == "qemu_init_vcpu")
    assert stop.arguments_of(0)[0][0] == "cpu"
    assert stop.arguments_of(0)[0][1].removeprefix("cpu@entry=").startswith("0x")
    assert stop.frames[-1].function.name == "main"
    files = {frame.file for frame in stop.frames}
    assert not any(file.startswith("/") for file in files)
    assert "qom/object.c" in files


def test_the_way_to_the_vcpu_goes_through_pointers_where_the_source_does(run):
    """QEMU's object model calls realize through pointers in every version; plain calls stay plain."""
    recording = run.recording
    stop = next(stop for stop in recording.stops if stop.function == "qemu_init_vcpu")
    kinds = {step.function.name: step.kind for step in whole_chain(stop, recording)}
    assert kinds["x86_cpu_realizefn"] is CallKind.INDIRECT
    assert kinds["device_set_realized"] is CallKind.INDIRECT
    assert kinds["qemu_init_vcpu"] is CallKind.DIRECT
    assert CallKind.UNKNOWN not in kinds.values()


def test_a_direct_calls_target_in_the_disassembly_is_the_callee(run):
    checked = 0
    for call in json.loads((run.folder / "graph.json").read_text())["calls"]:
        functions = json.loads((run.folder / "graph.json").read_text())["functions"]
        for _file, _line, instruction in call["sites"]:
            if call["kind"] == "direct":
                target = instruction.split()[1].partition("@")[0]
                assert without_compiler_suffix(target) == functions[call["callee"]]["name"]
                checked += 1
            elif call["kind"] == "indirect":
                assert "*" in instruction
                checked += 1
    assert checked > 20


def test_the_vcpu_thread_hangs_on_the_thread_that_started_it(run):
    recording = run.recording
    graph = merge([recording])
    graph.check()
    stop = next(stop for stop in recording.stops if stop.ioctl and stop.ioctl.request == "KVM_RUN")
    steps = whole_chain(stop, recording)
    names = [step.function.name for step in steps]
    assert names[0] == "main"
    assert names[-1] == "ioctl"
    assert [n for n in names if n in ("qemu_init_vcpu", "kvm_cpu_exec")] == ["qemu_init_vcpu", "kvm_cpu_exec"]
    assert [step.kind for step in steps].count(CallKind.THREAD_START) == 1
    for before, after in pairwise(steps):
        assert after.function in [call.callee for call in graph.callees(before.function)]
    assert recording.thread(stop.thread).label == "CPU 0/KVM"


def test_the_ladder_of_descriptors_is_recorded(run):
    vm, vcpu, first_run = (stop.ioctl for stop in run.recording.stops if stop.ioctl)
    assert [vm.request, vcpu.request, first_run.request] == LADDER
    assert [vm.file, vcpu.file] == ["/dev/kvm", "anon_inode:kvm-vm"]
    assert first_run.file.startswith("anon_inode:kvm-vcpu")
    assert vm.returned == vcpu.fd
    assert vcpu.returned == first_run.fd


def test_strace_sees_the_same_ladder(qemu, run, tmp_path):
    """An independent witness of the same command."""
    need_tool("strace")
    command = [part.replace(str(run.folder), str(tmp_path)) for part in run.recording.header.command]
    command[command.index("-serial") + 1] = f"file:{tmp_path}/serial"
    log = tmp_path / "strace"
    subprocess.run(
        ["strace", "-f", "-e", "ioctl", "-o", log, *command], check=False, timeout=120, capture_output=True
    )
    seen = re.findall(
        r"ioctl\((\d+), (KVM_CREATE_VM|KVM_CREATE_VCPU|KVM_RUN),.*?(?:= (\d+)|$)", log.read_text(), re.M
    )
    firsts = [next(call for call in seen if call[1] == request) for request in LADDER]
    ours = [stop.ioctl for stop in run.recording.stops if stop.ioctl]
    assert [int(call[0]) for call in firsts] == [call.fd for call in ours]
    assert [int(call[2]) for call in firsts[:2]] == [call.returned for call in ours[:2]]


def test_two_recordings_of_one_build_have_the_same_graph(qemu, run, tmp_path):
    again = startup(qemu, tmp_path / "elsewhere")
    assert again.recording.notes == run.recording.notes == ()
    assert (again.folder / "graph.json").read_bytes() == (run.folder / "graph.json").read_bytes()
    both = merge([run.recording, again.recording])
    both.check()
    assert both.nodes[0].frames == 2 * merge([run.recording]).nodes[0].frames
    assert to_json(merge([again.recording, run.recording])) == to_json(both)


def test_nothing_machine_dependent_is_in_the_graph(run):
    text = (run.folder / "graph.json").read_text()
    assert "0x5555" not in text
    assert "0x7fff" not in text
    assert str(TINY_IMAGE.parent) not in text
    assert str(Path.home()) not in text
    assert not re.search(r'"/(?!dev/kvm")', text), "an absolute path"


def test_show_prints_the_backtraces_as_gdb_does(run):
    text = (run.folder / "backtraces.txt").read_text()
    assert re.search(
        r"^#0  qemu_init_vcpu \(cpu=(?:cpu@entry=)?0x[0-9a-f]+\) at \S+cpus\.c:\d+$", text, re.MULTILINE
    )
    assert re.search(r"^#1  0x[0-9a-f]{16} in x86_cpu_realizefn \(dev=(?:dev@entry=)?0x", text, re.MULTILINE)


def test_the_report_can_be_made_again_without_gdb_and_qemu(run, tmp_path, monkeypatch):
    dot = need_tool("dot")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dot").symlink_to(dot)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    write_report([str(run.folder)], tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == (run.folder / "report.html").read_text()
