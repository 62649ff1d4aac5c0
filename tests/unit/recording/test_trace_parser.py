"""The text of tracefs in, events out; and whose ioctl is whose."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.recording.trace_parser import TraceEvent, join_ioctls, kernel_path, parse_trace

CREATE_VM = """\
# tracer: nop
#
# entries-in-buffer/entries-written: 6/6   #P:2
#
#                                _-----=> irqs-off/BH-disabled
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
 qemu-system-x86-27970   [001] ..... 21818.534056: sys_ioctl(fd: 9, cmd: 0xae01, arg: 0)
 qemu-system-x86-27970   [001] ..... 21818.534058: <stack trace>
 => ftrace_syscall_enter
 => syscall_trace_enter
 => do_syscall_64
 => entry_SYSCALL_64_after_hwframe
 qemu-system-x86-27970   [001] d..1. 21818.534074: kvm_update_master_clock: masterclock 0 hostclock tsc
 qemu-system-x86-27970   [001] d..1. 21818.534079: <stack trace>
 => trace_event_raw_event_kvm_update_master_clock
 => pvclock_update_vm_gtod_copy
 => kvm_arch_init_vm
 => kvm_dev_ioctl
 => __x64_sys_ioctl
 => do_syscall_64
 => entry_SYSCALL_64_after_hwframe
 qemu-system-x86-27970   [001] ..... 21818.534271: sys_ioctl -> 0xb
 qemu-system-x86-27970   [001] ..... 21818.534274: <stack trace>
 => ftrace_syscall_exit
 => do_syscall_64
"""


def parse(text: str):
    return parse_trace(text.splitlines(keepends=True))


def line(text: str, tid: int = 7, time: float = 1.0, cpu: int = 0) -> str:
    return f"            qemu-{tid:<7} [{cpu:03}] ..... {time:.6f}: {text}\n"


def entered(time: float, request: int, fd: int = 9, tid: int = 7) -> TraceEvent:
    return TraceEvent(tid, time, "sys_enter_ioctl", f"fd: {fd:#x}, cmd: {request:#x}, arg: 0x7f00", ())


def left(time: float, result: int = 0, tid: int = 7) -> TraceEvent:
    return TraceEvent(tid, time, "sys_exit_ioctl", hex(result), ())


def inside(time: float, name: str = "kvm_fpu", tid: int = 7) -> TraceEvent:
    return TraceEvent(tid, time, name, "load", ())


@dataclass(frozen=True)
class Call:
    time: float
    request: int
    fd: int = 9
    tid: int = 7


def test_events_have_the_names_of_their_tracepoints_and_stacks_from_outside_inward():
    trace = parse(CREATE_VM)
    assert [(event.name, event.text) for event in trace.events] == [
        ("sys_enter_ioctl", "fd: 9, cmd: 0xae01, arg: 0"),
        ("kvm_update_master_clock", "masterclock 0 hostclock tsc"),
        ("sys_exit_ioctl", "0xb"),
    ]
    assert trace.events[1].stack[:3] == ("entry_SYSCALL_64_after_hwframe", "do_syscall_64", "__x64_sys_ioctl")
    assert (trace.events[1].tid, trace.events[1].time) == (27970, 21818.534074)
    assert (trace.lost, trace.unknown) == (0, 0)


@pytest.mark.parametrize(
    ("text", "tid"),
    [
        ("       CPU 0/KVM-31      [000] d..2. 5.000001: kvm_entry: vcpu 0\n", 31),
        ("  a-b: c [d] (e)-31      (   29) [000] d..2. 5.000001: kvm_entry: vcpu 0\n", 31),
        ("           <...>-31      (-------) [012] .... 5.000001: kvm_entry: vcpu 0\n", 31),
        (" qemu-system-x86-4194304 [000] ...1 5.000001: kvm_entry: vcpu 0\n", 4194304),
        (" qemu-system-x86-31    [000] 5.000001: kvm_entry: vcpu 0\n", 31),
        (" -1 [0] . 9.1: x-31    [000] .... 5.000001: kvm_entry: vcpu 0\n", 31),
        (" qemu-system-x86-31    [000] d.h1.. 5.000001: kvm_entry: vcpu 0\n", 31),
    ],
)
def test_a_line_is_understood_whatever_the_task_is_called_and_the_options_show(text, tid):
    assert parse(text).events == (TraceEvent(tid, 5.000001, "kvm_entry", "vcpu 0", ()),)


def test_frames_lose_offsets_addresses_and_modules():
    frames = " => emulator_pio_out+0x12/0x34 [kvm]\n => vcpu.part.0 [kvm]\n => run <ffffffff8129d1d2>\n"
    frames += " => 0xffffffffc0a01234\n => x\n"
    trace = parse(line("kvm_pio: pio_write at 0x80") + line("<stack trace>") + frames)
    assert trace.events[0].stack == ("x", "??", "run", "vcpu.part.0", "emulator_pio_out")


def test_stacks_of_an_interrupt_and_of_another_processor_find_their_events():
    trace = parse(
        line("kvm_fpu: load")
        + line("kvm_exit: other processor", tid=8, cpu=1)
        + line("hrtimer_expire: in an interrupt")
        + line("<stack trace>")
        + " => from_interrupt\n"
        + line("<stack trace>", tid=8, cpu=1)
        + " => from_other\n"
        + line("<stack trace>")
        + " => from_thread\n"
    )
    assert {event.name: event.stack for event in trace.events} == {
        "kvm_fpu": ("from_thread",),
        "kvm_exit": ("from_other",),
        "hrtimer_expire": ("from_interrupt",),
    }


def test_a_stack_without_event_is_nobodys():
    trace = parse(line("kvm_fpu: load", tid=8) + line("<stack trace>") + " => lost\n")
    assert [event.stack for event in trace.events] == [()]
    assert trace.unknown == 0


def test_lost_events_and_lines_not_understood_are_counted():
    text = "##### CPU 0 buffer started ####\nCPU:0 [LOST 12 EVENTS]\nCPU:1 [LOST EVENTS]\n\nnonsense\n => stray\n"
    trace = parse(text + line("kvm_fpu: load"))
    assert (trace.lost, trace.unknown, len(trace.events)) == (13, 2, 1)
    after_a_stack = line("kvm_fpu: load") + line("<stack trace>") + " => f\n" + line("kvm_pio: x") + " => stray\n"
    assert [event.stack for event in parse(after_a_stack).events] == [("f",), ()]


def test_entries_that_were_announced_and_did_not_come_are_lost():
    announced = "# entries-in-buffer/entries-written: 5/5   #P:2\n"
    assert parse(announced + line("kvm_fpu: load") + line("<stack trace>") + " => f\n").lost == 3


def test_nothing_is_read_from_a_last_line_cut_short():
    assert parse(line("kvm_fpu: load")[:-3]).events == ()
    trace = parse(line("kvm_fpu: load") + line("<stack trace>") + " => kvm_put_guest_fpu\n => kvm_vc")
    assert trace.events[0].stack == ("kvm_put_guest_fpu",)
    assert trace.unknown == 1


@given(
    st.lists(
        st.sampled_from([*CREATE_VM.splitlines(keepends=True), " => x\n", "CPU:0 [LOST 2 EVENTS]\n", "a-1 [0]"])
    )
)
def test_lines_in_any_order_give_only_what_they_say(lines):
    trace = parse_trace(lines)
    events = [
        text for text in lines if text.endswith("\n") and text[0] == " " and text[1] == "q" and "<s" not in text
    ]
    assert len(trace.events) == len(events)
    assert {name for event in trace.events for name in event.stack} <= {text[4:-1] for text in lines}


@given(st.lists(st.text(max_size=40) | st.sampled_from(CREATE_VM.splitlines(keepends=True)), max_size=30))
def test_no_text_breaks_the_reader(lines):
    trace = parse_trace(lines)
    assert join_ioctls([], trace.events).ioctls == ()


@given(st.integers(0, len(CREATE_VM)))
def test_a_trace_cut_anywhere_is_the_beginning_of_the_whole(length):
    whole, part = parse(CREATE_VM).events, parse(CREATE_VM[:length]).events
    for cut, complete in zip(part, whole, strict=False):
        assert (cut.name, cut.text, cut.time) == (complete.name, complete.text, complete.time)
        assert complete.stack[len(complete.stack) - len(cut.stack) :] == cut.stack


@pytest.mark.parametrize(
    ("stack", "path"),
    [
        (
            "do_syscall_64 __x64_sys_ioctl kvm_vcpu_ioctl trace_event_raw_event_kvm_fpu",
            "__x64_sys_ioctl kvm_vcpu_ioctl",
        ),
        ("el0_svc __arm64_sys_ioctl kvm_vcpu_ioctl __traceiter_kvm_entry", "__arm64_sys_ioctl kvm_vcpu_ioctl"),
        ("sys_ioctl ksys_ioctl do_vfs_ioctl", "sys_ioctl ksys_ioctl do_vfs_ioctl"),
        ("a SyS_ioctl x trace_event_raw_event_kvm trace_event_buffer_commit", "SyS_ioctl x"),
        (
            "a __x64_sys_ioctl trace_graph_of_ours kvm_x perf_trace_run_bpf_submit",
            "__x64_sys_ioctl trace_graph_of_ours kvm_x",
        ),
        ("a __x64_sys_ioctl kvm_trace_of_ours", "__x64_sys_ioctl kvm_trace_of_ours"),
        ("do_syscall_64 __x64_sys_munmap kvm_mmu_notifier", ""),
        ("do_syscall_64 syscall_trace_enter ftrace_syscall_enter", ""),
        ("", ""),
    ],
)
def test_the_kernels_path_runs_from_the_system_call_to_the_event(stack, path):
    assert kernel_path(TraceEvent(1, 0.0, "kvm_x", "", tuple(stack.split()))) == tuple(path.split())


def test_each_call_gets_the_events_of_its_ioctl():
    events = [
        *(entered(1.0, 0xAE01), inside(1.1), left(1.2, 11), inside(1.3, "page_fault")),
        *(entered(2.0, 0xAE41, fd=11), inside(2.1, "kvm_track_tsc"), left(2.2, 2**64 - 17)),
    ]
    joined = join_ioctls([Call(0.9, 0xAE01), Call(1.9, 0xAE41, fd=11)], events)
    create_vm, create_vcpu = joined.ioctls
    assert (create_vm.entered, create_vm.left, create_vm.result) == (1.0, 1.2, 11)
    assert [event.name for event in create_vm.events] == ["kvm_fpu"]
    assert [event.name for event in create_vcpu.events] == ["kvm_track_tsc"]
    assert create_vcpu.result == -17
    assert None not in joined.ioctls
    assert joined.unclaimed == ()


def test_ioctls_between_two_calls_that_gdb_did_not_stop_at_stay_unclaimed():
    events = [entered(1.0, 0x5401), left(1.1), entered(1.2, 0xAE03), left(1.3), entered(2.0, 0xAE03), left(2.1)]
    joined = join_ioctls([Call(0.9, 0xAE03), Call(1.9, 0xAE03)], events)
    assert [ioctl.entered for ioctl in joined.ioctls] == [1.2, 2.0]
    assert [ioctl.request for ioctl in joined.unclaimed] == [0x5401]


def test_a_call_whose_ioctl_was_lost_does_not_shift_the_others():
    calls = [Call(float(second), 0xAE80, fd=12) for second in range(1, 5)]
    events = [event for second in (1, 3, 4) for event in (entered(second + 0.5, 0xAE80, 12), left(second + 0.6))]
    joined = join_ioctls(calls, events)
    assert [ioctl and ioctl.entered for ioctl in joined.ioctls] == [1.5, None, 3.5, 4.5]
    assert joined.ioctls.count(None) == 1


def test_an_ioctl_before_the_first_call_is_not_its_partner():
    joined = join_ioctls([Call(2.0, 0xAE03)], [entered(1.0, 0xAE03), left(1.1), entered(2.5, 0xAE03), left(2.6)])
    assert joined.ioctls[0].entered == 2.5


def test_threads_are_joined_each_for_itself():
    events = [entered(1.0, 0xAE80, tid=8), entered(1.1, 0xAE80, tid=9), inside(1.2, tid=9), left(1.3, tid=9)]
    joined = join_ioctls([Call(0.8, 0xAE80, tid=9), Call(0.9, 0xAE80, tid=8)], events)
    assert [(ioctl.tid, len(ioctl.events), ioctl.left) for ioctl in joined.ioctls] == [(9, 1, 1.3), (8, 0, None)]


def test_a_call_never_gets_an_ioctl_of_another_request_or_descriptor():
    events = [entered(1.1, 0xAE01, fd=10), left(1.2), entered(1.3, 0xAE00, fd=9), left(1.4)]
    joined = join_ioctls([Call(1.0, 0xAE01, fd=9)], events)
    assert (joined.ioctls, len(joined.unclaimed)) == ((None,), 2)


@pytest.mark.parametrize(("asked", "taken"), [(0xC008AE67, -0x3FF75199), (-0x3FF75199, 0xC008AE67)])
def test_a_request_with_its_sign_in_the_upper_half_is_the_same(asked, taken):
    call = Call(1.0, asked % (1 << 64), fd=-1)
    joined = join_ioctls([call], [entered(1.1, taken % (1 << 64), 0xFFFFFFFF), left(1.2)])
    assert joined.ioctls[0].request == 0xC008AE67
    assert joined.ioctls[0].fd == -1


KINDS = st.tuples(st.sampled_from([7, 8]), st.sampled_from([9, 11]), st.sampled_from([0xAE01, 0xAE80]))


@given(st.lists(st.tuples(KINDS, st.booleans(), st.booleans())))
def test_only_equal_requests_are_paired_and_nothing_is_lost_or_found_twice(made):
    """Each ioctl is made at a full second; gdb may have missed it, and so may the kernel."""
    calls = [Call(s, request, fd, tid) for s, ((tid, fd, request), seen, _) in enumerate(made) if seen]
    pairs = [
        (entered(s + 0.1, request, fd, tid), left(s + 0.2, tid=tid))
        for s, ((tid, fd, request), _, traced) in enumerate(made)
        if traced
    ]
    joined = join_ioctls(calls, [event for pair in pairs for event in pair])
    for call, ioctl in zip(calls, joined.ioctls, strict=True):
        if ioctl is not None:
            assert (call.tid, call.fd, call.request) == (ioctl.tid, ioctl.fd, ioctl.request)
            assert call.time <= ioctl.entered
    for call, ioctl in zip(calls, joined.ioctls, strict=True):
        if made[call.time][2]:
            assert ioctl is not None and ioctl.entered == call.time + 0.1
    assert len(calls) - joined.ioctls.count(None) + len(joined.unclaimed) == len(pairs)
