"""The programs that the benchmark runs beside ours: where they stop, and how their hits are counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.bench.bulk_group import different_hits
from tests.bench.figures import Measurement, Row
from tests.bench.gdb_rivals import count_backtraces, do_nothing_script, plain_script
from tests.bench.tracers import count_calls, count_samples, lost_events
from tests.bench.uprobes import Location, event_name, file_offset, function_of, locations_in
from tests.bench.workload import Stops, Workload, hit_facts, hits_of, stops_of
from tests.support.notation import recording

STOPS = Stops(("kvm_ioctl",), ("main",), ("pthread_create",), (0xAE01,))
WORKLOAD = Workload(Path("/q"), ("kvm_ioctl",), ("/q", "-name", "a b"), 33, STOPS, Path("/scratch"))
BACKTRACES = """\
#0  kvm_ioctl (s=0x1, type=44547) at ../kvm-all.c:3047
#1  0x0000555555b85a2c in kvm_init (ms=0x5) at ../kvm-all.c:2405
#0  0x00007ffff0000000 in ioctl () from /lib/libc.so.6
Breakpoint 1, not a frame
#0  kvm_ioctl (s=0x1) at ../kvm-all.c:3047
"""
SAMPLES = """\
qemu-system-x86 26764 [000] 23600.041804:    callchain_bench_26749:p18_type_initialize: (561aba841357)
\t          645357 type_initialize+0x7 (inlined)
\t          645357 object_class_foreach_tramp+0x7 (/q)

qemu-system-x86 26764 [000] 23600.041849:    callchain_bench_26749:p3_type_initialize: (561aba840650)
\t          644650 type_initialize+0x0 (/q)

"""
LOCATIONS = """\
Num     Type           Disp Enb Address            What
1       breakpoint     keep y   0x0000000000646ab0 in object_property_set at ../qom/object.c:1407
2       breakpoint     keep y   <MULTIPLE>
2.1                         y   0x00000000005ab180 in memory_region_init at ../softmmu/memory.c:1211
2.2                         y   0x00000000005ab65f in memory_region_init at ../softmmu/memory.c:1211
"""
CALLS = """\
  Total time   Self time       Calls  Function
  ==========  ==========  ==========  ====================
   80.451 ms   80.451 ms          52  linux:schedule
   10.118 ms   62.533 us         494  kvm_vm_ioctl
"""


def test_stops_are_those_of_a_recording_and_of_the_breaks():
    stops = stops_of(recording("main > a", "main > b", "main > b"), ("kvm_ioctl", "b"))
    assert stops == Stops(every_hit=("kvm_ioctl", "b"), first_hit=("a",), libraries=(), requests=())


def test_a_function_that_is_hit_often_by_itself_stops_every_program_at_every_hit():
    assert stops_of(recording("main > b", "main > b"), ()).every_hit == ("b",)


def test_hits_are_counted_by_function_and_only_those_of_qemu_are_summed():
    hits = hits_of(recording("main > kvm_ioctl", "main > kvm_ioctl", "main > pthread_create"))
    assert hits == Counter(kvm_ioctl=2, pthread_create=1)
    assert hit_facts(hits, STOPS) == {"hits": 2, "hits of kvm_ioctl": 2, "hits of main": 0}


def test_both_scripts_of_gdb_stop_at_the_same_places():
    for lines in (plain_script(WORKLOAD), do_nothing_script(WORKLOAD)):
        text = "\n".join(lines)
        for place in ("kvm_ioctl", "pthread_create", "tbreak main", f"tbreak ioctl if $esi == {0xAE01}"):
            assert place in text
        assert any(line.startswith("run -name 'a b' ") for line in lines)


def test_the_plain_script_prints_bt_at_each_and_the_floor_nowhere():
    assert plain_script(WORKLOAD).count("bt") == 4
    assert "bt" not in do_nothing_script(WORKLOAD)
    assert "set breakpoint always-inserted on" in do_nothing_script(WORKLOAD)


def test_backtraces_of_gdb_are_counted_by_their_innermost_function(tmp_path):
    (tmp_path / "out.txt").write_text(BACKTRACES)
    assert count_backtraces(tmp_path / "out.txt") == (Counter(kvm_ioctl=2, ioctl=1), 4)


def test_samples_of_perf_are_counted_by_the_function_of_their_uprobe(tmp_path):
    (tmp_path / "out.txt").write_text(SAMPLES)
    assert count_samples(tmp_path / "out.txt") == (Counter(type_initialize=2), 3)


def test_calls_of_uftrace_are_counted():
    assert count_calls(CALLS) == Counter({"kvm_vm_ioctl": 494, "linux:schedule": 52})


def test_lost_events_of_perf_are_those_of_the_block_of_all_events():
    text = "Aggregated stats:\n  LOST events: 5\n  LOST_SAMPLES events: 2 (0.1%)\n"
    assert lost_events(f"{text}callchain_bench:p1 stats:\n  LOST events: 5\n") == 7
    assert lost_events("Aggregated stats:\n  SAMPLE events: 5\n") == 0


def test_every_location_of_a_breakpoint_is_found():
    assert locations_in(LOCATIONS) == [
        Location("object_property_set", 0x646AB0),
        Location("memory_region_init", 0x5AB180),
        Location("memory_region_init", 0x5AB65F),
    ]


def test_the_offset_of_an_address_is_that_in_its_segment():
    segments = [(0, 0, 0x1000), (0x3000, 0x2000, 0x1000)]
    assert (file_offset(segments, 0x10), file_offset(segments, 0x3010)) == (0x10, 0x2010)
    with pytest.raises(ValueError, match="0x1000 is not in the file"):
        file_offset(segments, 0x1000)


def test_the_name_of_an_event_has_its_function_and_is_short():
    assert event_name(18, "type_initialize") == "p18_type_initialize"
    assert function_of("p18_type_initialize") == "type_initialize"
    assert event_name(1, "f.part.0") == "p1_f_part_0"
    assert len(event_name(1, "f" * 200)) < 64


def test_hits_that_differ_are_said_unless_chance_explains_them():
    def row(**hits: float) -> Row:
        return Row("a", (Measurement(1, 1, 1, {f"hits of {name}": value for name, value in hits.items()}),))

    reference = row(kvm_ioctl=1000, type_initialize=20000)
    assert different_hits(row(kvm_ioctl=1010, type_initialize=20000), reference) == []
    assert different_hits(row(kvm_ioctl=1000, type_initialize=0), reference) == [
        "hits of type_initialize 0 instead of 20,000"
    ]
    assert different_hits(Row("a", (Measurement(1, 1, 1),)), reference) == []
