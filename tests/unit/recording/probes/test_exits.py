"""The exits of KVM_RUN, from what tracepoints say about them."""

from __future__ import annotations

import struct

import pytest

from analyzer.adapters.perf_records import Hit
from analyzer.kvm.exits import decode_exit
from analyzer.recording.probes.calls import IoctlCall
from analyzer.recording.probes.devices import DeviceCalls
from analyzer.recording.probes.exits import (
    IO,
    MMIO,
    DeviceStack,
    ExitCollector,
    exit_records,
    fetched_region,
    kvm_run,
    region_arguments,
)
from analyzer.recording.probes.hits import Hits
from analyzer.recording.probes.places import Accessor
from gdbscripts.kvm_records import ExitCountRecord, ExitResultRecord, KvmExitRecord

RUN = IoctlCall(0, 7, 11, 0xAE80, 0, 0)
WRITE, READ = "memory_region_write_accessor", "memory_region_read_accessor"


def event(form: str, *values: int) -> Hit:
    fields = bytes(8) + struct.pack(form, *values)
    return Hit(0, 0, 7, 5, 0, 0, 0, 0, 0, 0, b"", fields)


def exits(samples: int = 10) -> ExitCollector:
    return ExitCollector(samples)


def leave(collector: ExitCollector, reason: int, error: int = 0) -> None:
    collector.take_exit(event("<Ii", reason, error), RUN)


def pio(collector: ExitCollector, write: int, port: int, value: int) -> None:
    collector.take_pio(event("<5I", write, port, 1, 1, value))


def records(collector: ExitCollector):
    return list(exit_records(collector, {RUN: 3}, {7: 2}, 0))


def test_a_port_write_is_seen_before_its_exit():
    collector = exits()
    pio(collector, 1, 0x80, 0x42)
    leave(collector, IO)
    collector.finish()
    exit_, count = records(collector)
    assert isinstance(exit_, KvmExitRecord)
    assert (exit_.ioctl, exit_.thread, exit_.data) == (3, 2, "42")
    decoded = decode_exit(bytes.fromhex(exit_.run), b"\x42")
    assert (decoded.reason, decoded.address, decoded.size) == ("KVM_EXIT_IO", 0x80, 1)
    assert count == ExitCountRecord(IO, 1)


def test_a_port_read_is_seen_after_its_exit_with_the_answer():
    collector = exits()
    pio(collector, 1, 0x20, 1)  # served in the kernel: no exit
    leave(collector, IO)
    collector.take_accessor(7, DeviceStack(5, 0, 1, READ))
    pio(collector, 0, 0x71, 0x99)
    collector.finish()
    exit_, answer, _ = records(collector)
    assert decode_exit(bytes.fromhex(exit_.run), b"").address == 0x71
    assert answer == ExitResultRecord(0, "99")


def test_a_read_of_memory_is_unsatisfied_first():
    collector = exits()
    collector.take_mmio(event("<IIQQ", 0, 4, 0xFED00000, 0))
    leave(collector, MMIO)
    collector.take_mmio(event("<IIQQ", 1, 4, 0xFED00000, 0x12345678))
    collector.finish()
    exit_, answer, _ = records(collector)
    assert decode_exit(bytes.fromhex(exit_.run), b"").address == 0xFED00000
    assert answer == ExitResultRecord(0, "78563412")


def test_an_interrupted_run_is_no_exit():
    collector = exits()
    leave(collector, 10, -4)
    collector.finish()
    assert records(collector) == []


def test_an_exit_for_another_reason_has_no_access():
    collector = exits()
    pio(collector, 1, 0x80, 1)
    leave(collector, 5)
    collector.finish()
    assert collector.sampled[0].access is None
    assert struct.unpack_from("<I", kvm_run(collector.sampled[0]), 8) == (5,)


def test_exits_beyond_the_samples_are_counted_but_for_the_first_of_each_address():
    collector = exits(samples=1)
    for port in (0x80, 0x80, 0x80, 0x80, 0x90):
        pio(collector, 1, port, 1)
        leave(collector, IO)
        collector.take_accessor(7, DeviceStack(9, 4, 1, WRITE))
    collector.finish()
    assert [exit_.access.address for exit_ in collector.sampled] == [0x80, 0x80, 0x90]
    assert collector.counts == {IO: 5}
    assert collector.others == {(7, DeviceStack(0, 4, 1, WRITE)): [9, 2]}


OFFSETS = {"name": 0x90, "ops": 0x48, "read": 0, "write": 8, "read_with_attrs": 16, "write_with_attrs": 24}


def test_a_probe_fetches_names_and_functions_of_a_region():
    words = region_arguments(OFFSETS).split()
    assert words[0] == "read=+0x0(+0x48(%di)):u64"
    assert words[-1] == "name=+0(+0x90(%di)):string"
    assert region_arguments({"name": 1}) == ""


def region_fields(name: bytes, *functions: int) -> bytes:
    return bytes(16) + struct.pack("<4QI", *functions, len(name) << 16 | 52) + name


def test_what_is_fetched_is_read():
    region = fetched_region(region_fields(b"serial\0", 1, 2, 0, 0))
    assert region == ("serial", {"read": 1, "write": 2, "read_with_attrs": 0, "write_with_attrs": 0})
    with pytest.raises(struct.error):
        fetched_region(b"")


def test_the_stack_of_a_device_begins_with_its_function():
    """The probe is in the function that calls it, where the call returns to a known address."""
    collector = exits(samples=1)
    collector.take_region(1, region_fields(b"serial\0", 500, 600, 0, 0))
    for _ in range(3):
        pio(collector, 1, 0x3F8, 1)
        leave(collector, IO)
        collector.take_accessor(7, DeviceStack(9, 0, 1, WRITE))
    collector.finish()
    hits = Hits(stacks=[(100, 40, 50)])
    calls = DeviceCalls(hits, collector, {WRITE: Accessor(90, 95)}, bias=10)
    stops = [(stop.exit, stop.device, hits.stacks[stop.stack], stop.count) for stop in calls.stops()]
    assert stops == [(0, 600, (600, 105, 40, 50), 2), (1, 600, (600, 105, 40, 50), 1)]
    names = {600: ["serial_ioport_write", "", ""]}
    assert list(calls.sentence(names)) == ["Accesses by device: 3 of serial by serial_ioport_write."]


def test_a_function_that_calls_a_device_itself_is_left_to_its_own_probe():
    collector = exits()
    collector.take_region(1, region_fields(b"ports\0", 500, 110, 0, 0))
    leave(collector, IO)
    collector.take_accessor(7, DeviceStack(9, 0, 1, WRITE))
    collector.take_accessor(7, DeviceStack(9, 1, 2, "portio_write"))
    collector.finish()
    hits = Hits(stacks=[(100, 40), (110, 95, 40)])
    calls = DeviceCalls(hits, collector, {WRITE: Accessor(90, 95), "portio_write": Accessor(100, 0)}, bias=10)
    assert [(stop.function, stop.stack) for stop in calls.stops()] == [("portio_write", 1)]
