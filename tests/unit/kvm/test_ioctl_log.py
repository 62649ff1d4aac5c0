"""The ioctl log as text: the calls that led to each ioctl, and on into the kernel."""

from __future__ import annotations

from dataclasses import replace

from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.model.frames import Function, Stack, calls_in_program, chain_text
from analyzer.model.kvm import Ioctl, KernelEvent
from gdbscripts.call_kinds import CallKind
from reports.text.ioctl_log import ioctl_log_text
from tests.support.notation import frame, recording

KVM_CREATE_VM = 0xAE01


def logged(*frames, kernel=()):
    """A recording with one KVM_CREATE_VM, made by these frames, innermost first."""
    events = (KernelEvent(0.1, "kvm:kvm_entry", "", kernel, 1),) if kernel else ()
    entry = Ioctl(1, 0.1, 1, 9, "/dev/kvm", KVM_CREATE_VM, 0, b"", b"", 10, Stack(frames), events)
    return replace(recording("main"), ioctl_log=(entry,))


LIBC = frame("ioctl@[libc]", library="/lib/libc.so.6")
STACK = (LIBC, frame("kvm_init", CallKind.DIRECT), frame("run", CallKind.INDIRECT), frame("main", CallKind.TAIL))


def test_each_function_stands_behind_the_arrow_of_its_call():
    text, _ = ioctl_log_text(logged(*STACK, kernel=("entry", "kvm_dev_ioctl", "kvm_create_vm")))
    assert text.splitlines()[1].strip() == "main t> run *> kvm_init $> kvm_dev_ioctl k> kvm_create_vm"


def test_what_the_kernels_sources_name_has_an_arrow_of_its_own():
    text, key = ioctl_log_text(logged(*STACK))
    assert (
        text.splitlines()[1].strip()
        == "main t> run *> kvm_init d> kvm_dev_ioctl d> kvm_dev_ioctl_create_vm (documented)"
    )
    assert key == ("Key: *> call through a pointer; t> tail call; d> documented kernel call, not observed.")


def test_a_stack_that_was_not_taken_is_said():
    (line,) = ioctl_log(logged())
    assert line.calls == ""
    assert "(stack not taken) d> kvm_dev_ioctl" in next(ioctl_log_text(logged()))


def test_without_ioctls_there_is_no_key():
    assert list(ioctl_log_text(recording("main"))) == []


def test_the_outermost_function_of_the_program_has_no_arrow():
    start = frame("_start@[libc]", CallKind.DIRECT, library="/lib/libc.so.6")
    calls = calls_in_program((*STACK, start))
    assert [kind for kind, _ in calls] == [None, CallKind.TAIL, CallKind.INDIRECT]
    assert chain_text(calls) == "main t> run *> kvm_init"
    assert calls[0][1] == Function("main", "main")
    assert calls_in_program((LIBC,)) == ()
