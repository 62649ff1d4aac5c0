"""Backtraces of many tools, and what they must be read as."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.unit.backtraces.test_formats import ASAN, COREDUMP, FOLDED, MI, PERF

_FOLDER = Path(__file__).with_name("samples")
GDB = """\
Thread 2 (Thread 0x7f (LWP 12) "CPU 0/KVM"):
#0  0x0000000000000010 in ioctl () from /lib/libc.so.6
#1  0x0000000000000011 in kvm_vcpu_ioctl (cpu=0x1) at accel/kvm/kvm-all.c:10

Thread 1 (Thread 0x7e (LWP 11)):
#0  leaf (n=3) at leaf.c:7
#1  0x0000000000401150 in main () at main.c:20
"""


class Sample(NamedTuple):
    """A text, its format, and the start and the end of each chain in it."""

    text: str
    format: str
    chains: tuple[tuple[str, str], ...] = ()
    threads: tuple[tuple[str, int], ...] = ()  # (label, tid)
    unread: int = 0


def _file(name: str) -> str:
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")


_RACE = (("main .> bump", ""), ("worker .> bump", ""), ("main .> pthread_create", ""))
_LEAKS = (
    ("main .> read_it", ""),
    ("main .> make .> malloc", ""),
    ("main", ""),
    ("main .> free", ""),
    ("main .> make .> malloc", ""),
)
_WAIT = "disk::Image::flush{0} .> void disk::wait_for<int>{0} .> "
_IOCTL = "entry_SYSCALL_64_after_hwframe k> do_syscall_64 k> __x64_sys_ioctl k> "
_KVM_EXIT = "kvm_vcpu_ioctl k> kvm_arch_vcpu_ioctl_run k> vmx_handle_exit k> "

SAMPLES = {
    "tsan of gcc": Sample(_file("tsan-gcc"), "tsan", _RACE, (("main thread", 0), ("T1", 0))),
    "tsan of clang": Sample(_file("tsan-clang"), "tsan", _RACE, (("main thread", 0), ("T1", 0))),
    "memcheck": Sample(_file("valgrind"), "valgrind", _LEAKS, (("main thread", 0),), unread=1),
    "memcheck without pids": Sample(_file("valgrind-bare"), "valgrind", _LEAKS, (("main thread", 0),), unread=3),
    "helgrind": Sample(
        _file("helgrind"),
        "valgrind",
        (
            ("main ?> pthread_create .> create_thread", "clone"),
            ("main .> bump", ""),
            ("worker .> bump", ""),
            ("main .> bump", ""),
            ("worker .> bump", ""),
        ),
        (("thread 2", 0), ("main thread", 0)),
    ),
    "bpftrace": Sample(
        _file("bpftrace"),
        "bpftrace",
        (
            ("main ?> disk_read(void*) .> bdrv_co_preadv", ""),
            ("kvm_cpu_exec .> kvm_vcpu_ioctl .> ioctl $> " + _IOCTL + "kvm_vcpu_ioctl", ""),
            ("main .> leaf", ""),
        ),
        (("main thread", 0), ("CPU 0/KVM", 4243)),
    ),
    "eu-stack": Sample(
        _file("eu-stack"),
        "eu-stack",
        (
            ("main .> " + _WAIT.format("(int)"), "clock_nanosleep"),
            ("worker(void*) .> " + _WAIT.format("(int)"), "clock_nanosleep"),
        ),
        (("main thread", 25876), ("thread 25878", 25878)),
    ),
    "eu-stack -s -m -i": Sample(
        _file("eu-stack-source"),
        "eu-stack",
        (("main .> " + _WAIT.format("(int)"), "clock_nanosleep"), ("worker .> ", "clock_nanosleep")),
        (("main thread", 25876), ("thread 25878", 25878)),
    ),
    "lldb": Sample(
        _file("lldb"),
        "lldb",
        (
            ("main .> " + _WAIT.format(""), "clock_nanosleep"),
            ("main .> " + _WAIT.format(""), "clock_nanosleep"),
            ("worker .> " + _WAIT.format(""), "clock_nanosleep"),
        ),
        (("main thread", 0), ("thread 2", 0)),
    ),
    "crash": Sample(
        _file("crash"),
        "crash",
        (
            (
                _IOCTL + _KVM_EXIT + "kvm_mmu_page_fault ?> asm_exc_page_fault k> exc_page_fault",
                "machine_kexec",
            ),
            ("ret_from_fork k> kthread k> schedule k> __schedule", ""),
        ),
        (("CPU 0/KVM", 4243), ("rcu_preempt", 17)),
    ),
    "kernel": Sample(
        _file("kernel"),
        "kernel",
        (
            (_IOCTL + _KVM_EXIT + "kvm_inject_something", ""),
            (
                _IOCTL + "kvm_vm_ioctl k> kvm_make_all_cpus_request k> on_each_cpu_cond_mask k> "
                "smp_call_function_many_cond ?> asm_sysvec_apic_timer_interrupt ?> sysvec_apic_timer_interrupt",
                "update_process_times",
            ),
        ),
        (("CPU 0/KVM", 4243), ("qemu-system-x86", 4242)),
    ),
    "rust": Sample(
        _file("rust"),
        "rust",
        (
            ("panic::main::{{closure}} .> panic::disk::flush .> ", "__rustc::rust_begin_unwind"),
            ("core::ops::function::FnOnce::call_once .> panic::main .> ", "__rustc::rust_begin_unwind"),
        ),
        (("main thread", 0), ("io", 0)),
    ),
    "rust, full": Sample(
        _file("rust-full"),
        "rust",
        (("core::fmt::write i> <core::fmt::rt::Argument>::fmt .> ", "libunwind::trace"),),
        (("io", 0),),
    ),
    "go": Sample(
        _file("go"),
        "go",
        (
            ("main.main .> example.com/demo/disk.Open i> example.com/demo/disk.(*Image).Flush", ""),
            ("main.main", ""),
            ("main.main => main.worker", ""),
        ),
        (("main thread", 0), ("unknown thread", 0), ("goroutine 18", 0)),
    ),
    "macos": Sample(
        _file("macos"),
        "macos",
        (
            ("main .> main_loop_wait i> os_host_main_loop_wait .> poll", ""),
            ("start_wqthread", ""),
            ("hvf_vcpu_exec", ""),
        ),
        (("main thread", 0), ("worker", 0), ("CPU 0/HVF", 0)),
    ),
    "macos, ips": Sample(
        _file("ips"),
        "ips",
        (("main .> main_loop_wait .> poll", ""), ("hvf_vcpu_exec", "")),
        (("main thread", 0), ("CPU 0/HVF", 0)),
    ),
    "abrt": Sample(
        _file("abrt"),
        "abrt",
        (("main ?> leaf", ""), ("worker .> poll", "")),
        (("main thread", 0), ("unknown thread", 0)),
    ),
    "backtrace_symbols": Sample(_file("backtrace"), "backtrace", (("main ?> leaf", ""),), (("main thread", 0),)),
    "libunwind": Sample(_file("libunwind"), "backtrace", (("main .> middle .> leaf", ""),), (("main thread", 0),)),
    "offsets": Sample(_file("offsets"), "backtrace", (("main .> middle .> leaf", ""),), (("main thread", 0),)),
    "gdb": Sample(GDB, "gdb", (("kvm_vcpu_ioctl .> ioctl", ""), ("main .> leaf", ""))),
    "coredumpctl": Sample(COREDUMP, "gdb"),
    "asan": Sample(ASAN, "gdb"),
    "mi": Sample(MI, "mi"),
    "perf script": Sample(PERF, "perf"),
    "folded": Sample(FOLDED, "folded"),
}
