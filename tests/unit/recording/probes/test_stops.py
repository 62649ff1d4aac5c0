"""Which hits of probes become stops, as gdb would record them; what the ioctls of a run were on."""

from __future__ import annotations

from analyzer.adapters.perf_records import Hit, Mapping, ThreadStart
from analyzer.recording.probes.calls import IoctlCall, IoctlEnd
from analyzer.recording.probes.hits import (
    MAX_HITS,
    CountKey,
    FunctionHit,
    HitCollector,
    HitCount,
    Hits,
    Source,
)
from analyzer.recording.probes.ioctl_calls import earliest_times, kvm_ioctls
from analyzer.recording.probes.stack_walker import ReturnAddresses, StackEnd, StackWalker
from analyzer.recording.probes.stops import choose_stops, counted_functions, created_threads, thread_numbers
from analyzer.recording.scenarios import break_step
from gdbscripts.enums import StopReason
from gdbscripts.plan import PlannedMilestone

CREATE_VM, CREATE_VCPU, RUN = 0xAE01, 0xAE41, 0xAE80


def milestone(name: str, function: str, **fields) -> PlannedMilestone:
    return PlannedMilestone(name=name, title=name, required=True, functions=[function], **fields)


def hit(time: int, function: str, tid: int = 1, stack: int = 0, start: int = 0) -> FunctionHit:
    return FunctionHit(time, tid, (function,), stack, 0, start)


def stops(hits: Hits, *milestones: PlannedMilestone):
    chosen = choose_stops(hits, milestones, set(hits.ioctls))
    return [(stop.time, stop.function, stop.milestones, stop.count) for stop in chosen.stops]


def test_hits_are_taken_in_the_order_of_time_up_to_the_limit():
    hits = Hits(single=[hit(3, "f"), hit(1, "f"), hit(2, "f")])
    assert stops(hits, milestone("m", "f", limit=2)) == [(1, "f", ["m"], 1), (2, "f", ["m"], 1)]


def test_a_milestone_of_each_thread_is_recorded_once_for_each():
    hits = Hits(single=[hit(1, "f"), hit(2, "f"), hit(3, "f", tid=2)])
    assert [time for time, *_ in stops(hits, milestone("m", "f", per_thread=True))] == [1, 3]


def test_a_milestone_is_complete_when_it_was_reached_as_often_as_another():
    hits = Hits(single=[hit(1, "thread"), hit(2, "f"), hit(3, "f")])
    planned = (milestone("t", "thread"), milestone("m", "f", as_often_as="t"))
    assert [time for time, *_ in stops(hits, *planned)] == [1, 2]


def test_a_request_is_reached_by_an_ioctl_with_its_number():
    hits = Hits(ioctls=[IoctlCall(1, 1, 9, CREATE_VM, 0, 0), IoctlCall(2, 1, 9, RUN, 0, 0)])
    assert stops(hits, milestone("m", "ioctl", request=RUN)) == [(2, "ioctl", ["m"], 1)]


def test_equal_hits_of_break_are_counted():
    hits = Hits(counts={CountKey(1, ("f",), 0): HitCount(5, 7), CountKey(1, ("f",), 1): HitCount(3, 1)})
    assert stops(hits, break_step("f", 0)) == [(3, "f", ["break f"], 1), (5, "f", ["break f"], 7)]


def test_a_function_of_break_that_is_a_milestone_too_has_both_names_while_the_milestone_is_not_complete():
    hits = Hits(single=[hit(1, "f"), hit(2, "f"), hit(3, "f")])
    found = stops(hits, milestone("m", "f", limit=1), break_step("f", 0))
    assert found == [(1, "f", ["m", "break f"], 1), (2, "f", ["break f"], 2)]


def test_break_with_a_limit_says_so():
    hits = Hits(single=[hit(time, "f") for time in range(5)])
    chosen = choose_stops(hits, [break_step("f", 3)], set())
    assert [(stop.time, stop.count) for stop in chosen.stops] == [(0, 3)]
    assert chosen.notes == ["break f: no more than 3 stops recorded"]


def test_only_functions_of_break_without_a_limit_are_counted():
    planned = [milestone("m", "f"), break_step("f", 0), break_step("g", 0), break_step("h", 5)]
    assert counted_functions(planned) == {"g"}


def test_two_functions_that_begin_at_one_address_have_a_stop_each():
    hits = Hits(single=[FunctionHit(1, 1, ("f", "g"), 0)])
    assert [function for _, function, *_ in stops(hits, milestone("m", "f"), milestone("n", "g"))] == ["f", "g"]


def test_threads_have_the_numbers_that_gdb_gives_them():
    hits = Hits(threads={30: ThreadStart(30, 10, 2), 20: ThreadStart(20, 10, 9)})
    assert thread_numbers(hits, [10]) == {10: 1, 30: 2, 20: 3}


def test_pthread_create_has_created_the_next_thread_that_its_thread_starts():
    hits = Hits(
        single=[hit(1, "pthread_create", start=77), hit(5, "pthread_create", tid=2), hit(8, "pthread_create")],
        threads={20: ThreadStart(20, 1, 3), 21: ThreadStart(21, 2, 6)},
    )
    chosen = choose_stops(hits, [], set())
    assert [stop.reason for stop in chosen.stops] == [StopReason.THREAD_CREATE] * 3
    assert created_threads(chosen.stops, hits) == {0: 20, 1: 21}
    assert chosen.stops[0].start == 77


def test_requests_that_return_descriptors_tell_what_is_behind_them():
    hits = Hits(
        ioctls=[
            IoctlCall(1, 1, 9, CREATE_VM, 0, 0),
            IoctlCall(3, 1, 4, 0x5401, 0, 0),  # TCGETS, on a terminal
            IoctlCall(5, 2, 10, CREATE_VCPU, 3, 0),
            IoctlCall(7, 2, 11, RUN, 0, 0),
        ],
        ioctl_ends=[IoctlEnd(2, 1, 10), IoctlEnd(4, 1, 0), IoctlEnd(6, 2, 11)],
    )
    found = [(ioctl.call.request, ioctl.file, ioctl.value) for ioctl in kvm_ioctls(hits, {})]
    vcpu = "anon_inode:kvm-vcpu:3"
    assert found == [(CREATE_VM, "/dev/kvm", 10), (CREATE_VCPU, "anon_inode:kvm-vm", 11), (RUN, vcpu, None)]


def test_a_file_that_was_read_goes_before_what_a_request_tells():
    hits = Hits(ioctls=[IoctlCall(1, 1, 9, RUN, 0, 0)])
    assert kvm_ioctls(hits, {9: "anon_inode:kvm-vcpu:1"})[0].file == "anon_inode:kvm-vcpu:1"
    assert kvm_ioctls(hits, {9: "/dev/vfio"}) == []


def test_an_ioctl_is_looked_for_after_the_one_before():
    hits = Hits(
        ioctls=[IoctlCall(5_000_000, 1, 9, RUN, 0, 0), IoctlCall(5_100_000, 1, 9, RUN, 0, 0)],
        ioctl_ends=[IoctlEnd(5_050_000, 1, 0)],
    )
    assert earliest_times(hits.ioctls, hits) == [4_000_000, 5_050_000]


class OneAddressWalker(StackWalker):
    """Finds stacks of one address, once code is mapped."""

    def __init__(self) -> None:
        super().__init__()
        self.mapped = False

    def add(self, mapping: Mapping) -> None:
        self.mapped = True

    def walk(self, pc: int, stack_pointer: int, frame_pointer: int, stack: bytes) -> ReturnAddresses:
        return ReturnAddresses((pc,), StackEnd.OUTERMOST if self.mapped else StackEnd.NO_RULE)


def collector(
    counted: frozenset[str] = frozenset(), sources: tuple[Source, ...] = (Source.FUNCTION,)
) -> HitCollector:
    return HitCollector(OneAddressWalker(), lambda _: ("f",), counted, sources)


def sample(time: int = 0, pc: int = 1, tid: int = 1, source: int = 0, **registers: int) -> Hit:
    plain = {"rax": 0, "rdx": 0, "rsi": 0, "rdi": 0, "rbp": 0, "rsp": 0, **registers}
    return Hit(source=source, pc=pc, tid=tid, time=time, stack=b"", **plain)


def test_a_stack_is_kept_once_and_every_hit_is_counted():
    hits = collector(frozenset({"f"}))
    hits.take([sample(time=9), sample(time=4), sample(pc=2)])
    hits.finish()
    assert hits.hits.stacks == [(1,), (2,)]
    counts = {key.stack: (count.first, count.count) for key, count in hits.hits.counts.items()}
    assert counts == {0: (4, 2), 1: (0, 1)}
    assert hits.hits.samples == 3


def test_a_hit_of_a_probe_beside_a_breakpoint_has_the_stack_of_the_breakpoint():
    hits = HitCollector(
        OneAddressWalker(), {8: ("f",)}.__getitem__, frozenset({"f"}), (Source.FUNCTION,),
        breakpoint_at={1: 8, 8: 8}.__getitem__,
    )  # fmt: skip
    hits.take([sample(pc=1), sample(pc=8)])
    hits.finish()
    assert hits.hits.stacks == [(8,)]
    assert [count.count for count in hits.hits.counts.values()] == [2]


def test_a_file_that_another_processor_has_mapped_is_known_before_the_hit_is_taken():
    """The buffer of a processor may be read before that of the one on which the file was mapped."""
    hits = collector()
    hits.take([sample()])
    assert hits.work()
    hits.take([Mapping(0, 1, 0, "file")])
    assert not hits.work()
    assert hits.hits.open_ended == set()


def test_hits_of_a_milestone_are_bounded():
    hits = collector()
    hits.take(sample(time=number) for number in range(MAX_HITS + 5))
    hits.finish()
    assert len(hits.hits.single) == MAX_HITS
    assert sum(count.count for count in hits.hits.counts.values()) == 5


def test_an_ioctl_has_its_arguments_and_its_end_the_error():
    hits = collector(sources=(Source.IOCTL, Source.IOCTL_END))
    hits.take([sample(rdi=9, rsi=RUN, rdx=5), sample(source=1, time=3, rax=(1 << 64) - 4)])
    hits.finish()
    assert hits.hits.ioctls == [IoctlCall(0, 1, 9, RUN, 5, 0)]
    assert hits.hits.ioctl_ends == [IoctlEnd(3, 1, -4)]
    assert hits.new_descriptors() == [9]
    assert hits.new_descriptors() == []
