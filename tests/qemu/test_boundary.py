"""The boundary between QEMU and the kernel: the ioctl log against strace, and the kernel's own stacks."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from analyzer.graph.merge import graph_of
from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.kvm.requests import name_of
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from tests.conftest import need, need_tool
from tests.qemu.conftest import command, startup
from tests.support.definitions import read_recording
from tests.support.pages import page_texts

_STRACE = re.compile(r"(\d+) +ioctl\(\d+<(.*?)>(?:\(deleted\))?, (\w+)")
_CLOCKED = {"KVM_RUN", "KVM_IRQ_LINE_STATUS", "KVM_IRQ_LINE"}  # how often depends on when the thread is kicked


@pytest.fixture(scope="session")
def witness(run, tmp_path_factory) -> list[tuple[int, str]]:
    """(thread, request) of each ioctl on KVM's descriptors, as strace sees the same command."""
    strace = need_tool("strace")
    log = tmp_path_factory.mktemp("strace") / "log"
    command = ["null" if argument == "stdio" else argument for argument in run.recording.header.command]
    subprocess.run(
        [strace, "-f", "-y", "-e", "trace=ioctl", "-o", log, *command],
        timeout=120, check=False, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    found = [match.groups() for match in map(_STRACE.match, log.read_text().splitlines()) if match]
    return [(int(thread), request) for thread, file, request in found if "kvm" in file]


def test_the_ioctl_log_has_every_ioctl_that_strace_sees_and_no_other(run, witness):
    recording = run.recording
    ours = [(recording.thread(entry.thread).tid, name_of(entry.request)) for entry in recording.ioctl_log]
    mine, theirs = _by_thread(ours), _by_thread(witness)
    assert len(mine) == len(theirs) > 1
    for own, other in zip(mine, theirs, strict=True):
        steady = [[request for request in calls if request not in _CLOCKED] for calls in (own, other)]
        assert steady[0] == steady[1]
    counts, expected = Counter(request for _, request in ours), Counter(request for _, request in witness)
    assert counts.keys() == expected.keys()
    for request in _CLOCKED & counts.keys():
        assert abs(counts[request] - expected[request]) <= max(5, expected[request] // 20)


def _by_thread(calls: list[tuple[int, str]]) -> list[list[str]]:
    threads: dict[int, list[str]] = {}
    for thread, request in calls:
        threads.setdefault(thread, []).append(request)
    return list(threads.values())


def test_every_ioctl_has_an_answer_and_the_chain_that_led_to_it(run):
    recording = run.recording
    told = list(ioctl_log(recording))
    # QEMU may end while its processor is in the guest.
    assert [line.request for line in told if not line.result] in ([], ["KVM_RUN"])
    missing = Counter(line.request for line in told if not line.chain)
    assert set(missing) <= _CLOCKED
    first = {line.request: [function.name for _, function in line.chain] for line in reversed(told)}
    assert first["KVM_CREATE_VM"][0] == "main"
    assert first["KVM_CREATE_VCPU"][-1] == "kvm_vm_ioctl"
    assert "kvm_cpu_exec" in first["KVM_RUN"]


def test_the_ladder_leads_from_the_system_to_the_processor(run):
    by_name = {name_of(entry.request): entry for entry in reversed(run.recording.ioctl_log)}
    create_vm, create_vcpu, kvm_run = (by_name[f"KVM_{name}"] for name in ("CREATE_VM", "CREATE_VCPU", "RUN"))
    assert create_vm.file == "/dev/kvm"
    assert create_vcpu.fd == create_vm.returned
    assert kvm_run.fd == create_vcpu.returned


@pytest.mark.skipif(os.geteuid() != 0 and os.environ.get("CALLCHAIN_NO_SKIP") != "1", reason="needs root")
def test_the_chain_goes_on_in_the_kernel(run):
    recording = run.recording
    assert recording.kernel is not None
    assert (recording.kernel.recorded, recording.kernel.lost, recording.kernel.unclaimed) == (True, 0, 0)
    chain = next(chain for chain in graph_of(recording).chains if chain.milestone == "kvm-run")
    names = [step.function.name for step in chain.steps]
    kinds = {step.function: step.kind for step in chain.steps}
    position = names.index("ioctl")
    assert names[position - 2 : position + 3] == [
        "kvm_cpu_exec", "kvm_vcpu_ioctl", "ioctl", "kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run"
    ]  # fmt: skip
    assert [kinds[step.function] for step in chain.steps[position + 1 : position + 3]] == [
        CallKind.SYSCALL,
        CallKind.KERNEL,
    ]


def test_each_observed_handler_is_the_documented_one(run):
    """kvm_dev_ioctl may jump on to the architecture's part and be gone from the stack."""
    entries = {
        "system": {"kvm_dev_ioctl", "kvm_arch_dev_ioctl"},
        "vm": {"kvm_vm_ioctl"},
        "vcpu": {"kvm_vcpu_ioctl"},
    }
    for line in ioctl_log(run.recording):
        if line.observed:
            assert line.kernel[0] in entries[line.descriptor], line


def test_without_the_kernels_side_the_handlers_are_documented_and_the_reason_given(qemu, tmp_path):
    run = startup(qemu, tmp_path / "out", "--no-pointers", "--no-kernel")
    assert run.recording.kernel is None
    chain = next(chain for chain in graph_of(run.recording).chains if chain.milestone == "kvm-run")
    assert (chain.steps[-1].function.name, chain.steps[-1].kind) == (
        "kvm_arch_vcpu_ioctl_run",
        CallKind.DOCUMENTED,
    )
    assert CALL_KINDS[CallKind.DOCUMENTED].sentence in page_texts(run.folder / "report.html")


def test_where_the_kernel_may_not_be_looked_at_the_report_says_why_and_what_would_allow_it(qemu, tmp_path):
    need(os.geteuid() == 0, "root, to give a right away")
    powerless = [need_tool("setpriv"), "--bounding-set=-sys_admin", "--inh-caps=-all"]
    line = [*powerless, *command(qemu, tmp_path / "out", "--no-pointers")]
    done = subprocess.run(line, timeout=120, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    recording = read_recording(tmp_path / "out")
    assert recording.kernel is not None
    assert not recording.kernel.recorded
    assert recording.kernel.reason in page_texts(tmp_path / "out" / "report.html")
    assert not any(line.observed for line in ioctl_log(recording))


def test_without_the_ioctl_log_the_ioctls_of_the_milestones_are_recorded(qemu, tmp_path):
    run = startup(qemu, tmp_path / "out", "--no-pointers", "--no-ioctls")
    assert run.recording.ioctl_log == ()
    assert [call.request for call in graph_of(run.recording).ioctls] == [
        "KVM_CREATE_VM",
        "KVM_CREATE_VCPU",
        "KVM_RUN",
    ]


def test_nothing_of_ours_stays_in_the_kernel(run):
    assert "tracefs" not in Path("/proc/self/mounts").read_text() or not list(
        Path("/sys/kernel/tracing/instances").glob("qemu-callchain-*")
    )
