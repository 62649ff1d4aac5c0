"""The kernel's events on real tracefs: what is seen of a guest, and that nothing else is touched or left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from analyzer.adapters import tracefs as adapter
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.errors import AnalyzerError
from analyzer.recording.trace_parser import join_ioctls, kernel_path
from tests.conftest import need, need_tool
from tests.kernel.conftest import STARTED, ours, state, trace_guest

CREATE_VM, CREATE_VCPU, SET_USER_MEMORY_REGION, RUN = 0xAE01, 0xAE41, 0x4020AE46, 0xAE80
OPEN_AND_WAIT = """
import sys
from analyzer.adapters.tracefs import TracefsInstance
with TracefsInstance.open() as trace:
    trace.follow(1)
    print("ready", flush=True)
    sys.stdin.readline()
"""


def python(code: str, *before: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    STARTED.add(process.pid)
    return process


def test_a_guest_is_seen_down_to_where_it_runs(tracefs):
    with TracefsInstance.open() as trace:
        seen = trace_guest(trace)
    assert (seen.lost, seen.trace.lost, seen.trace.unknown) == (0, 0, 0)
    paths = {event.name: kernel_path(event) for event in seen.trace.events if event.name.startswith("kvm_")}
    assert "kvm_userspace_exit" in paths
    inward = [name for name in paths["kvm_pio"] if name in ("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run")]
    assert inward == ["kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run"]
    assert paths["kvm_pio"][0].endswith("sys_ioctl")
    assert not any("trace" in path[-1] for path in paths.values() if path)


def test_each_call_finds_its_ioctl_and_the_ladder_of_descriptors_has_stacks(tracefs):
    with TracefsInstance.open() as trace:
        seen = trace_guest(trace)
    joined = join_ioctls(seen.calls, seen.trace.events)
    assert None not in joined.ioctls
    for call, ioctl in zip(seen.calls, joined.ioctls, strict=True):
        assert (call.tid, call.fd, call.request) == (ioctl.tid, ioctl.fd, ioctl.request)
        assert call.time - 1e-6 <= ioctl.entered <= ioctl.left
    assert not [ioctl for ioctl in joined.unclaimed if ioctl.request >> 8 & 0xFF == 0xAE]
    functions = {
        ioctl.request: {name for event in ioctl.events for name in kernel_path(event)} for ioctl in joined.ioctls
    }
    assert "kvm_dev_ioctl" in functions[CREATE_VM]
    assert "kvm_vm_ioctl" in functions[SET_USER_MEMORY_REGION]
    assert "kvm_vm_ioctl" in functions[CREATE_VCPU]
    assert "kvm_vcpu_ioctl" in functions[RUN]


def test_threads_made_later_are_followed_and_the_clock_is_ours(tracefs):
    started = time.monotonic()
    with TracefsInstance.open() as trace:
        seen = trace_guest(trace)
    assert {call.tid for call in seen.calls}.isdisjoint({seen.pid})
    assert {call.tid for call in seen.calls} <= {event.tid for event in seen.trace.events}
    assert all(started <= event.time <= time.monotonic() for event in seen.trace.events)


def test_perf_sees_the_same_paths(tracefs, tmp_path):
    """perf and tracefs watch the same guest: each event both have must come by the same functions."""
    perf = need_tool("perf")
    data = str(tmp_path / "perf.data")
    # A mount namespace of its own: perf mounts tracefs and leaves it mounted.
    record = ["unshare", "--mount", perf, "record", "-q", "-g", "-e", "kvm:*", "-o", data, "--"]
    with TracefsInstance.open() as trace:
        seen = trace_guest(trace, [*record, sys.executable, str(Path(__file__).with_name("guest.py"))])
    script = [perf, "script", "-i", data, "-F", "tid,event,ip,sym,dso"]
    text = subprocess.run(script, capture_output=True, text=True, timeout=60, check=True).stdout
    by_perf = paths_of_perf(text)
    by_us = defaultdict(set)
    for event in seen.trace.events:
        if event.name.startswith("kvm_"):
            by_us[event.name].add(kernel_path(event))
    both = by_us.keys() & by_perf.keys()
    assert {"kvm_userspace_exit", "kvm_pio"} <= both
    assert {name: by_us[name] for name in both} == {name: by_perf[name] for name in both}


def paths_of_perf(text: str) -> dict[str, set[tuple[str, ...]]]:
    """Kernel functions from the ioctl's entry inward, for each event, of `perf script`."""
    paths: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for block in text.split("\n\n"):
        head, _, frames = block.strip().partition("\n")
        functions = [frame.split()[1] for frame in frames.splitlines() if "([k" in frame]  # of the kernel, of kvm
        stack = [name for name in functions if not name.startswith("__traceiter_")]  # there since two are watching
        entry = next((index for index, name in enumerate(stack) if name.endswith("sys_ioctl")), -1)
        if head:
            paths[head.split(":")[1]].add(tuple(reversed(stack[: entry + 1])))
    return paths


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt])
def test_the_instance_is_gone_however_the_block_ends(tracefs, end):
    files = set(os.listdir("/proc/self/fd"))
    try:
        with TracefsInstance.open() as trace:
            trace.follow(os.getpid())
            assert ours(tracefs) == [f"qemu-callchain-{os.getpid()}"]
            reader = trace.read()
            next(reader)  # in the middle, it does not hold the instance
            if end is not None:
                raise end
    except (ValueError, KeyboardInterrupt):
        pass
    assert ours(tracefs) == []
    assert set(os.listdir("/proc/self/fd")) == files


def test_an_instance_that_somebody_looks_at_is_removed_when_they_are_done(tracefs):
    trace = TracefsInstance.open()
    look = (tracefs / "instances" / f"qemu-callchain-{os.getpid()}" / "trace").open()
    done = threading.Timer(0.2, look.close)
    done.start()
    trace.close()
    done.join()
    assert ours(tracefs) == []


def test_a_failed_opening_leaves_nothing(tracefs, monkeypatch):
    monkeypatch.setattr(adapter, "_EVENTS", ("kvm", "no/such_event"))
    with pytest.raises(AnalyzerError, match="No such file or directory"):
        TracefsInstance.open()
    assert ours(tracefs) == []


def test_what_a_killed_recording_leaves_does_not_trace_and_goes_with_the_next(tracefs):
    with python(OPEN_AND_WAIT) as child:
        assert child.stdout.readline() == "ready\n"
        folder = tracefs / "instances" / f"qemu-callchain-{child.pid}"
        assert (folder / "tracing_on").read_text() == "1\n"
        child.send_signal(signal.SIGKILL)
    assert (folder / "tracing_on").read_text() == "0\n"
    assert int((folder / "buffer_size_kb").read_text().split()[0]) < 100
    TracefsInstance.open().close()
    assert not folder.exists()


def test_what_is_left_goes_also_when_another_process_has_the_id_now(tracefs):
    """The instance of a killed run whose id a program without an open `free_buffer` has."""
    with subprocess.Popen(["sleep", "60"]) as other:
        folder = tracefs / "instances" / f"qemu-callchain-{other.pid}"
        folder.mkdir()
        TracefsInstance.open().close()
        assert not folder.exists()
        other.kill()


STRESS = """
import os, signal, sys
from analyzer.adapters.tracefs import TracefsInstance
from analyzer.recording.trace_parser import join_ioctls
from tests.kernel.conftest import trace_guest
for number in range(int(sys.argv[1])):
    with TracefsInstance.open() as trace:
        seen = trace_guest(trace)
    joined = join_ioctls(seen.calls, seen.trace.events).ioctls
    print(joined.count(None), seen.lost, seen.trace.lost, seen.trace.unknown, len(joined) >= 4, flush=True)
    if sys.argv[2] == "killed" and number == 1:
        TracefsInstance.open()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_recorders_beside_each_other_all_see_all_of_their_ioctls(tracefs, request):
    """One of them is killed again and again, so that the others remove what it leaves while they record."""
    rounds = int(os.environ.get("CALLCHAIN_STRESS_ROUNDS", "4"))
    code = [sys.executable, "-c", STRESS, str(rounds)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def started(kind: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([*code, kind], stdout=subprocess.PIPE, text=True, cwd=root, env=environment)
        STARTED.add(process.pid)
        request.addfinalizer(process.kill)
        return process

    lasting = [started("lasting") for _ in range(3)]
    while any(process.poll() is None for process in lasting):
        with started("killed") as killed:
            killed.communicate(timeout=120)
    TracefsInstance.open().close()  # removes what the killed ones left
    for process in lasting:
        said = process.communicate(timeout=10)[0]
        assert (process.returncode, said) == (0, "0 0 0 0 True\n" * rounds)


def test_a_recording_that_lives_is_left_alone(tracefs):
    with python(OPEN_AND_WAIT) as child:
        assert child.stdout.readline() == "ready\n"
        folder = tracefs / "instances" / f"qemu-callchain-{child.pid}"
        TracefsInstance.open().close()
        assert (folder / "tracing_on").read_text() == "1\n"
        child.communicate("end\n", timeout=20)
    assert child.returncode == 0


def test_a_second_trace_of_one_process_is_refused_and_the_first_stays(tracefs):
    with TracefsInstance.open() as trace:
        with pytest.raises(AnalyzerError, match="already"):
            TracefsInstance.open()
        trace.follow(os.getpid())


def test_the_tracing_of_others_goes_on_untouched(tracefs):
    other = tracefs / "instances" / f"somebody-else-{os.getpid()}"
    other.mkdir()
    try:
        (other / "events/sched/sched_switch/enable").write_text("1")
        (other / "trace_clock").write_text("boot")
        before = state(tracefs), state(other)
        with TracefsInstance.open() as trace:
            trace.follow(os.getpid())
            during = state(tracefs), state(other)
            trace.stop()
        assert before == during == (state(tracefs), state(other))
    finally:
        other.rmdir()


def test_a_full_buffer_keeps_the_beginning_and_says_what_it_lost(tracefs, monkeypatch):
    monkeypatch.setattr(adapter, "_BUFFER_KB", 64)
    with TracefsInstance.open() as trace:
        trace.follow(os.getpid())
        os.isatty(1234)  # an ioctl
        for _ in range(20000):
            os.isatty(0)
        trace.stop()
        assert trace.lost > 1000
        ioctls = [line for line in trace.read() if "sys_ioctl(" in line]
    assert "sys_ioctl(fd: 0x4d2, " in ioctls[0]


def test_a_mounted_tracefs_is_used_where_it_is(tracefs, tmp_path):
    mounted = (
        "import subprocess, sys; from analyzer.adapters.tracefs import TracefsInstance\n"
        f"subprocess.run(['mount', '-t', 'tracefs', 'tracefs', {str(tmp_path)!r}], check=True)\n"
        "with TracefsInstance.open() as trace: print(trace._folder.parent)\n"
    )
    need(
        not any(" tracefs " in line for line in Path("/proc/mounts").read_text().splitlines()), "unmounted tracefs"
    )
    with python(mounted, "unshare", "--mount") as child:
        assert child.communicate(timeout=20)[0] == f"{tmp_path}/instances\n"


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (("setpriv", "--reuid", "65534", "--clear-groups"), "Only root can record kernel events"),
        (("setpriv", "--bounding-set", "-all", "--inh-caps", "-all"), "no permission to mount it"),
        (("unshare", "--pid", "--fork", "--mount-proc"), "have other process ids"),
    ],
)
def test_a_host_that_does_not_allow_it_is_told_what_would(tracefs, before, message):
    need(
        not any(" tracefs " in line for line in Path("/proc/mounts").read_text().splitlines()), "unmounted tracefs"
    )
    code = (
        "from analyzer.adapters.tracefs import TracefsInstance; from analyzer.errors import AnalyzerError\n"
        "try: TracefsInstance.open()\n"
        "except AnalyzerError as error: print(error.message, '|', error.hint)\n"
    )
    with python(code, *before) as child:
        said, hint = child.communicate(timeout=20)[0].split("|")
    assert message in said
    assert len(hint) > 10


def test_a_process_that_is_gone_cannot_be_followed(tracefs):
    with TracefsInstance.open() as trace, pytest.raises(AnalyzerError, match="no process"):
        trace.follow(2**22 + 1)
