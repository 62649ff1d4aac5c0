"""Merging: a pure function with invariants."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.baselines.writer import write_baseline
from analyzer.errors import AnalyzerError
from analyzer.graph.chains import own_chain, without_addresses
from analyzer.graph.json_format import from_json, to_json
from analyzer.graph.merge import combine, merge
from analyzer.model.frames import DefinedFunction, Frame, Function, Stack, Stop, Thread, call_key
from analyzer.model.pointers import Pointer
from gdbscripts.call_kinds import CallKind, call_arrow
from gdbscripts.enums import PointerOutcome, SlotKind, StopReason
from reports.dot.call_graph import to_dot
from reports.html.page_document import page_document
from reports.html.render import render
from tests.support.comparisons import source
from tests.support.notation import KINDS, as_text, frame, recording

NAMES = st.sampled_from(["main", "a", "b", "c", "c@other", "d"])
LINES = st.lists(NAMES, min_size=1, max_size=6).flatmap(
    lambda names: st.lists(
        st.sampled_from([arrow for arrow, kind in KINDS.items() if kind is not CallKind.THREAD_START]),
        min_size=len(names) - 1,
        max_size=len(names) - 1,
    ).map(lambda arrows: " ".join(w for pair in zip(names, [*arrows, ""], strict=True) for w in pair).strip())
)
RECORDINGS = st.lists(st.lists(LINES, max_size=4).map(lambda lines: recording(*lines)), min_size=1, max_size=3)


def edges(graph):
    return {f"{call.caller} {call_arrow(call.kind)} {call.callee}": call.hits for call in graph.calls}


def test_calls_are_counted_by_caller_callee_and_kind():
    graph = merge([recording("main > a *> b", "main > a > b", "main > a *> b")])
    assert edges(graph) == {"main > a": 3, "a *> b": 2, "a > b": 1}


def test_recursion_is_a_loop_not_a_longer_chain():
    assert edges(merge([recording("main > f > f > f")])) == {"main > f": 1, "f > f": 2}


def test_two_static_functions_of_one_name_stay_two():
    graph = merge([recording("main > work@one > leaf", "main > work@two > leaf")])
    assert [str(node.function.where) for node in graph.nodes if node.function.name == "work"] == ["one", "two"]


@given(RECORDINGS)
def test_the_invariants_hold_for_all_stacks(recordings):
    merge(recordings).check()


@given(RECORDINGS, st.randoms())
def test_the_order_of_recordings_does_not_matter(recordings, random):
    shuffled = list(recordings)
    random.shuffle(shuffled)
    assert to_json(merge(shuffled)) == to_json(merge(recordings))


@given(RECORDINGS)
def test_graphs_add_up_like_the_recordings_they_were_made_of(recordings):
    graphs = [from_json(to_json(merge([r])), "graph.json") for r in recordings]
    assert to_json(combine(graphs)) == to_json(merge(recordings))


@given(RECORDINGS)
def test_hits_in_are_hits_out(recordings):
    graph = merge(recordings)
    stops = [stop for r in recordings for stop in r.stops]
    assert sum(node.frames for node in graph.nodes) == sum(len(stop.frames) for stop in stops)
    assert sum(call.hits for call in graph.calls) == sum(len(stop.frames) - 1 for stop in stops)


@given(RECORDINGS)
def test_a_graph_survives_its_document(recordings):
    graph = merge(recordings)
    text = to_json(graph)
    again = from_json(text, "graph.json")
    again.check()
    assert to_json(again) == text


def test_an_invariant_that_is_broken_is_noticed():
    graph = merge([recording("main > a > b")])
    call = graph.calls[0]
    graph.connect(replace(call, hits=call.hits + 1))
    with pytest.raises(AssertionError):
        graph.check()


def test_recordings_of_different_builds_are_refused_with_both_ids():
    with pytest.raises(AnalyzerError, match="aaaa and bbbb"):
        merge([recording("main", build_id="bbbb"), recording("main", build_id="aaaa")])


def test_where_threads_stood_at_the_end_is_no_call_chain():
    base = recording("main > a")
    stop = replace(base.stops[0], number=1, reason=StopReason.WHERE, milestones=())
    graph = merge([replace(base, stops=(*base.stops, stop))])
    assert edges(graph) == {"main > a": 1}


def test_a_function_that_left_by_a_jump_is_put_back():
    hidden = DefinedFunction(Function("qdev_realize", "qdev"), "hw/core/qdev.c")
    outer = frame("x86_cpu_new", CallKind.TAIL, elided=(hidden,), instruction="call 0x55555 <qdev_realize>")
    base = recording("main")
    stop = replace(base.stops[0], stack=Stack((frame("set_bool"), outer)), arguments=())
    steps = own_chain(stop, base)
    assert as_text(steps) == "x86_cpu_new > qdev_realize t> set_bool"
    graph = merge([replace(base, stops=(stop,))])
    graph.check()
    assert graph.node(hidden.function).file == "hw/core/qdev.c"
    assert [step.file for step in graph.chains[0].steps] == ["hw/main.c", "hw/core/qdev.c", "hw/main.c"]


def test_a_function_has_the_file_of_its_definition_not_of_a_line_in_inlined_code():
    base = recording("main > a")
    inner, outer = base.stops[0].frames
    in_header = replace(inner, file="include/helper.h", line=3)
    stops = (base.stops[0], replace(base.stops[0], number=1, stack=Stack((in_header, outer))))
    graph = merge([replace(base, stops=stops)])
    graph.check()
    assert [(node.function.name, node.file) for node in graph.nodes] == [("a", "hw/main.c"), ("main", "hw/main.c")]
    assert {step.file for chain in graph.chains for step in chain.steps} == {"hw/main.c", "include/helper.h"}
    again = from_json(to_json(graph), "graph.json")
    assert {step.defined_in for chain in again.chains for step in chain.steps} == {"hw/main.c"}
    assert "include/helper.h" not in write_baseline(graph)


def test_the_file_of_a_threads_start_function_is_known_before_the_thread_runs():
    base = recording("main > start > pthread_create")
    starts = DefinedFunction(Function("run", "worker"), "util/worker.c")
    creation = replace(base.stops[0], reason=StopReason.THREAD_CREATE, milestones=(), starts=starts)
    graph = merge([replace(base, stops=(creation,))])
    assert graph.node(starts.function).file == "util/worker.c"


def thread_recording():
    base = recording("main > start > pthread_create", "clone3 *> run > goal")
    creation = replace(
        base.stops[0],
        reason=StopReason.THREAD_CREATE,
        milestones=(),
        starts=DefinedFunction(Function("run", "main"), "hw/main.c"),
        function="pthread_create",
    )
    work = replace(base.stops[1], thread=2)
    threads = (*base.threads, Thread(2, 101, "", created_by=0, start=Function("run", "main")))
    return replace(base, stops=(creation, work), threads=threads)


def test_a_pointer_of_known_value_leads_there_in_optimised_programs_too():
    recorded = recording("main t> board *> init > goal")
    frames = recorded.stops[0].frames
    hop = (DefinedFunction(Function("hop", "main"), "hw/main.c"),)
    pointer = Pointer(SlotKind.MEMBER, "Class.init", 0, 0x1234, "hop", PointerOutcome.EXPLAINED, "", hop, ())
    for tail_calls, expected in (((), "*> init"), (pointer.tail_calls, "*> hop t> init")):
        known = {call_key(frames, 2, "init"): replace(pointer, tail_calls=tail_calls)}
        chain = own_chain(recorded.stops[0], replace(recorded, pointers=known))
        assert as_text(chain) == f"main t> board {expected} > goal"


def test_a_thread_hangs_on_the_frame_that_called_pthread_create():
    graph = merge([thread_recording()])
    graph.check()
    assert edges(graph)["start => run"] == 1
    assert "clone3" not in [node.function.name for node in graph.nodes]
    assert [step.function.name for step in graph.chains[0].steps] == ["main", "start", "run", "goal"]


def pool_recording(*starts, waited_for="main > goal", by=1):
    """A thread start for each line, made by threads 1, 2, 3 …; thread `by` comes to what is waited for."""
    base = recording(*starts, waited_for)
    *creations, goal = base.stops
    creations = [
        replace(
            stop, thread=number, reason=StopReason.THREAD_CREATE, milestones=(), function="pthread_create",
            starts=DefinedFunction(Function("run", "main"), "hw/main.c"),
        )
        for number, stop in enumerate(creations, 1)
    ]  # fmt: skip
    made = [
        Thread(stop.thread + 1, 100, "worker", created_by=stop.number, start=stop.starts) for stop in creations
    ]
    return replace(base, threads=(*base.threads, *made), stops=(*creations, replace(goal, thread=by)))


BY_MAIN = "main > open > do_spawn_thread > pthread_create"
BY_WORKER = "run > worker > do_spawn_thread > pthread_create"
AT_ANOTHER_PLACE = "main > probe > poll > do_spawn_thread > pthread_create"


@pytest.mark.parametrize("starts", [[BY_MAIN], [BY_MAIN, BY_WORKER], [AT_ANOTHER_PLACE, BY_WORKER, BY_WORKER]])
def test_who_makes_a_thread_of_the_pool_is_a_race_and_in_no_graph(starts):
    assert to_json(merge([pool_recording(*starts)])) == to_json(merge([pool_recording()]))


@pytest.mark.parametrize("reason", [StopReason.WHERE, StopReason.STORE])
def test_nor_when_such_a_thread_is_only_seen_at_the_end_or_setting_a_pointer(reason):
    made = pool_recording(BY_MAIN, waited_for="run > worker", by=2)
    *starts, seen = made.stops
    graph = merge([replace(made, stops=(*starts, replace(seen, reason=reason, milestones=())))])
    assert graph.nodes == []


def test_a_thread_of_the_pool_that_comes_to_a_milestone_is_in_it_with_all_that_made_it():
    graph = merge([pool_recording(BY_MAIN, BY_WORKER, BY_WORKER, waited_for="run > goal", by=3)])
    graph.check()
    assert edges(graph)["open > do_spawn_thread"] == 1
    assert edges(graph)["worker > do_spawn_thread"] == 1
    chain = [step.function.name for step in graph.chains[0].steps]
    assert chain == ["main", "open", "do_spawn_thread", "run", "worker", "do_spawn_thread", "run", "goal"]


def test_any_other_thread_is_in_the_graph_with_who_made_it():
    assert edges(merge([pool_recording("main > rcu_init > pthread_create")]))["rcu_init => run"] == 1


def test_threads_that_create_each_other_do_not_hang_the_chain():
    base = thread_recording()
    main = Thread(1, 100, "qemu", created_by=1, start=Function("main", "main"))
    merge([replace(base, threads=(main, base.threads[1]))])


@pytest.mark.parametrize(
    ("instruction", "plain"),
    [
        ("call 0x5555559f9340 <accel_init_machine>", "call accel_init_machine"),
        ("call 0x7ffff7b4d1f5 <ioctl@plt>", "call ioctl@plt"),
        ("call *0x68(%rbx)", "call *0x68(%rbx)"),
        ("call *0x8d4307(%rip) # 0x5555560edeb8", "call *0x8d4307(%rip)"),
        ("jmp 0x555555b9b110 <object_property_set_bool>", "jmp object_property_set_bool"),
        ("call *0x8(%rip) # 0x555555557dd8 <table+8>", "call *0x8(%rip) # table+8"),
        ("call 0x555555555149", "call"),
        ("call 0x5555555551e2 <f<std::pair<int, char> >(int)>", "call f<std::pair<int, char> >(int)"),
        ("", ""),
    ],
)
def test_instructions_are_kept_without_addresses(instruction, plain):
    assert without_addresses(instruction) == plain


@given(RECORDINGS)
def test_no_address_gets_into_the_document(recordings):
    assert "0x5555" not in to_json(merge(recordings))


@pytest.mark.parametrize("name", ['say "hi"', "<b>bold</b>", "a\\nb", "<html>", "x" * 5000, "{rank}", "名前"])
def test_any_name_can_be_drawn(name):
    base = recording("main > a")
    odd = replace(base.stops[0].frames[0], function=Function(name, "main"))
    text = to_dot(
        merge([replace(base, stops=(replace(base.stops[0], stack=Stack((odd, base.stops[0].frames[1]))),))])
    )
    assert max(map(len, text.splitlines())) < 2000


def test_kinds_are_told_apart_without_colour():
    graph = merge([recording(f"main {arrow} {kind.name}") for arrow, kind in KINDS.items()])
    styles = [
        (line.partition("style=")[2].split()[:1], line.partition("arrowhead=")[2].split()[:1])
        for line in to_dot(graph).splitlines()
        if "->" in line
    ]
    assert len(styles) == len(CallKind)
    assert len({str(style) for style in styles}) == len(CallKind)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is not a graph"),
        ("{}", "is not a graph"),
        ('{"format": "qemu-callchain graph", "schema": 99}', "is of schema 99"),
        ('{"format": "qemu-callchain graph", "schema": 1}', "is damaged"),
    ],
)
def test_what_is_no_graph_is_named(text, complaint):
    with pytest.raises(AnalyzerError, match=complaint):
        from_json(text, "file.json")


@pytest.mark.parametrize(
    ("old", "new"), [('"member"', '"union"'), ('"explained"', '"guessed"'), ('"stored"', '"swapped"')]
)
def test_a_pointer_of_an_unknown_kind_is_named(old, new):
    text = to_json(source("main *> goal", slots={"goal": "Ops.go by a"}).graph)
    assert old in text
    with pytest.raises(AnalyzerError, match=f"'{new[1:-1]}' is not one of"):
        from_json(text.replace(old, new), "file.json")


WRONG = st.sampled_from([None, -1, 99, "", "x", [], [1], [["x"]], {}, {"a": 1}, True])


@given(st.data())
@settings(max_examples=400)
def test_whatever_is_wrong_in_a_document_it_is_an_error_or_a_report(data):
    document = json.loads(to_json(merge([thread_recording()])))
    place = document
    while isinstance(place, (dict, list)) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], (dict, list)) or data.draw(st.booleans()):
            place[key] = data.draw(WRONG)
            break
        place = place[key]
    try:
        graph = from_json(json.dumps(document), "graph.json")
        to_dot(graph)
        graph.to_graphml()
        render(page_document(graph, []))
    except AnalyzerError as error:
        assert error.message


@pytest.mark.parametrize("folder", ["<b>bold</b>", "<unclosed &>"])
def test_a_folder_is_never_taken_for_html(folder):
    base = recording("main > a")
    file = f"{folder}/main.c"
    odd = replace(base.stops[0].frames[0], file=file, defined_in=file)
    text = to_dot(
        merge([replace(base, stops=(replace(base.stops[0], stack=Stack((odd, base.stops[0].frames[1]))),))])
    )
    assert f'label="{folder}"' in text


def test_merging_many_stacks_takes_linear_time():
    """Ten times the stacks, about ten times the frames looked at: counted, not timed."""
    looked_at = []
    for size in (50, 500):
        base = recording(*["main > a > b > c"] * size)
        counter = CountingFrames()
        stops = tuple(counter.watch(stop) for stop in base.stops)
        merge([replace(base, stops=stops)])
        looked_at.append(counter.seen)
    assert looked_at[1] <= looked_at[0] * 10


class CountingFrames:
    """Counts how often frames of the stops it watches are iterated over."""

    def __init__(self) -> None:
        self.seen = 0

    def watch(self, stop: Stop) -> Stop:
        counter = self

        class Watched(tuple[Frame, ...]):
            def __iter__(self):  # type: ignore[no-untyped-def]
                counter.seen += len(self)
                return super().__iter__()

            def __reversed__(self):  # type: ignore[no-untyped-def]
                counter.seen += len(self)
                return iter(self[::-1])

        return replace(stop, stack=Stack(Watched(stop.frames)))
