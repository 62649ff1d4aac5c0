"""Exports, parsed again: they have the counts, times, threads and kinds of calls of the recording."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jsonschema
import networkx
import pytest

from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.graph.merge import graph_of
from analyzer.kvm.io_accesses import io_accesses
from analyzer.kvm.ioctl_log import ioctl_log
from analyzer.recording.reader import assemble
from gdbscripts.visible import is_control
from reports.export import recording_json
from reports.export.formats import FORMATS, format_of
from reports.export.samples import samples
from tests.support.exports import example, exported, large, named
from tests.support.graphs import ladder
from tests.support.hostile import NAMES

HOSTILE = [
    *NAMES,
    "a;b;c 12",
    "'\"`{}|",
    "end",
    "%%{init: {}}%%",
    "=1+1",
    "#comment",
    "(1) x",
    "fn=(3) y",
    "a'2",
    "{times}",
]
SCHEMA = json.loads(Path(recording_json.__file__).with_name("recording.schema.json").read_text())
# In the words of this project: what "Trace Event Format" requires of the phases that are written.
TRACE_EVENTS = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "traceEvents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ph", "name", "pid", "tid"],
                "properties": {"pid": {"type": "integer"}, "tid": {"type": "integer"}, "args": {"type": "object"}},
                "oneOf": [
                    {"properties": {"ph": {"const": "M"}, "name": {"enum": ["process_name", "thread_name"]}}},
                    {
                        "properties": {"ph": {"const": "i"}, "s": {"const": "t"}, "ts": {"type": "number"}},
                        "required": ["s", "ts", "cat"],
                    },
                    {
                        "properties": {"ph": {"const": "X"}, "ts": {"type": "number"}, "dur": {"minimum": 0}},
                        "required": ["ts", "dur", "cat"],
                    },
                ],
            },
        }
    },
}


def parsed(name, of):
    return json.loads(exported(name, of), parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


def names_of(sample):
    return [step.function.name for step in sample.steps]


def hits_by_thread(recording):
    counts = Counter()
    for sample in samples(recording):
        counts[recording.thread(sample.stop.thread).label, tuple(names_of(sample))] += sample.stop.count
    return counts


def test_the_samples_are_the_stops_with_their_chains():
    assert [(it.stop.number, names_of(it)) for it in samples(example())] == [
        (0, ["main", "accel_init", "goal"]),
        (1, ["main", "realize", "start", "pthread_create"]),
        (2, ["vcpu_fn", "kvm_cpu_exec", "ioctl", "kvm_vcpu_ioctl"]),
        (3, ["main", "walk", "walk", "walk"]),
        (4, ["main", "accel_init", "goal"]),
        (5, ["main", "accel_init", "goal"]),
    ]


def test_speedscope_has_a_profile_for_each_thread_in_the_order_of_time_with_hits_for_weights():
    document = parsed("speedscope", example())
    frames = [frame["name"] for frame in document["shared"]["frames"]]
    profiles = [
        (
            it["name"],
            [
                ([frames[n] for n in stack], weight)
                for stack, weight in zip(it["samples"], it["weights"], strict=True)
            ],
        )
        for it in document["profiles"]
    ]
    goal = ["main", "accel_init", "goal"]
    assert profiles == [
        (
            "main thread",
            [
                (goal, 1),
                (["main", "realize", "start", "pthread_create"], 1),
                (["main", "walk", "walk", "walk"], 5),
                (goal, 4),  # two stops with one stack that follow each other
            ],
        ),
        ("CPU 0/KVM", [(["vcpu_fn", "kvm_cpu_exec", "ioctl", "kvm_vcpu_ioctl"], 1)]),
    ]
    assert [it["endValue"] for it in document["profiles"]] == [11, 1]
    assert {"name": "kvm_cpu_exec", "file": "hw/kvm-all.c"} in document["shared"]["frames"]


def test_folded_stacks_have_thread_functions_and_hits_and_are_imported_again():
    text = exported("folded", example())
    assert text.splitlines() == [
        "main thread;main;accel_init;goal 5",
        "main thread;main;realize;start;pthread_create 1",
        "main thread;main;walk;walk;walk 5",
        "CPU 0/KVM;vcpu_fn;kvm_cpu_exec_[i];ioctl;kvm_vcpu_ioctl_[k] 1",
    ]
    imported = import_text(text.splitlines(keepends=True), ImportOrigin("folded"))
    again = assemble(imported.records, "folded")
    assert hits_by_thread(again) == hits_by_thread(example())


def test_trace_events_have_each_stop_ioctl_exit_and_kernel_event_with_thread_and_time_in_microseconds():
    recording = example()
    document = parsed("trace-events", recording)
    jsonschema.validate(document, TRACE_EVENTS)
    events = document["traceEvents"]
    assert [(it["tid"], it["args"]["name"]) for it in events if it["name"] == "thread_name"] == [
        (100, "main thread"),
        (101, "CPU 0/KVM"),
    ]
    tids = {1: 100, 2: 101}
    stops = [it for it in events if it.get("cat") == "stop"]
    assert [(it["ts"], it["tid"], it["args"]["stop"], it["args"]["count"]) for it in stops] == [
        (stop.time * 1e6, tids[stop.thread], stop.number, stop.count) for stop in recording.stops
    ]
    assert stops[0]["args"]["calls"] == "main > accel_init *> goal"
    assert stops[2]["args"]["calls"] == "vcpu_fn i> kvm_cpu_exec > ioctl $> kvm_vcpu_ioctl"
    ioctls = [it for it in events if it.get("cat") == "ioctl"]
    assert [(it["ph"], it["name"], it["ts"], it["args"]["result"]) for it in ioctls] == [
        ("i", "KVM_CREATE_VM", 100_000, "fd 12"),
        ("X", "KVM_RUN", 750_000, "0"),
        ("i", "KVM_RUN", 900_000, "0"),
        ("i", "KVM_RUN", 1_100_000, "-1 E2BIG"),
    ]
    assert (ioctls[1]["dur"], ioctls[1]["args"]["exit reason"]) == (50_000, "KVM_EXIT_IO")
    (kernel,) = [it for it in events if it.get("cat") == "kernel"]
    assert (kernel["name"], kernel["ts"], kernel["args"]["count"]) == ("kvm_pio", 760_000, 2)


def test_threads_without_ids_of_the_kernel_have_their_numbers():
    base = example()
    unknown = replace(base, threads=tuple(replace(thread, tid=0) for thread in base.threads))
    events = parsed("trace-events", unknown)["traceEvents"]
    assert {it["tid"] for it in events if it["name"] != "process_name"} == {1, 2}


def test_the_mermaid_flowchart_has_each_function_and_each_call_with_kind_slot_and_hits():
    lines = exported("mermaid", example()).splitlines()
    graph = graph_of(example())
    assert lines[0] == "flowchart TD"
    ids = dict(re.findall(r"^    (f\d+)\[+\"(.*)\"\]+$", "\n".join(lines), re.MULTILINE))
    assert sorted(ids.values()) == sorted(node.function.name for node in graph.nodes)
    arrows = [line.split(" ") for line in lines if re.match(r"  f\d+ \S+", line)]
    assert sorted((ids[it[2]], ids[it[-1]]) for it in arrows) == sorted(
        (call.caller.name, call.callee.name) for call in graph.calls
    )
    text = "\n".join(lines)
    assert '-.->|"call through a pointer, AccelClass.init_machine, 5 times"|' in text
    assert '==>|"thread start"|' in text


def test_a_flowchart_that_mermaid_would_not_draw_is_reduced_and_says_by_how_much():
    graph = ladder(300)  # 1200 calls
    text = "".join(FORMATS["mermaid"].of_graph(graph))
    arrows = len(re.findall(r"^  f\d+ -->", text, re.MULTILINE))
    assert text.startswith(f"%% {1200 - arrows} of the 1200 calls are left out")
    assert 300 < arrows <= 500
    assert len(text) <= 50_000


def test_the_sequence_diagram_has_threads_ioctls_exits_and_milestones_in_the_order_of_time():
    assert exported("mermaid-sequence", example()).splitlines() == [
        "sequenceDiagram",
        "  participant t1 as main thread",
        "  participant t2 as CPU 0/KVM",
        "  participant kvm as KVM",
        "  t1->>kvm: KVM_CREATE_VM on /dev/kvm",
        "  kvm-->>t1: KVM_CREATE_VM returns fd 12",
        "  Note over t1: The goal",
        "  t1-)t2: starts a thread in vcpu_fn",
        "  Note over t2: The goal, KVM_RUN on anon_inode#58;kvm-vcpu#58;0",
        "  t2->>kvm: KVM_RUN on anon_inode#58;kvm-vcpu#58;0 (2 times)",
        "  kvm-->>t2: KVM_EXIT_IO",
        "  Note over t1: The goal (5 times)",
        "  t2->>kvm: KVM_RUN on anon_inode#58;kvm-vcpu#58;0",
        "  kvm-->>t2: KVM_RUN returns -1 E2BIG",
        "  Note over t1: The goal (3 times)",
        "  Note over t1: The goal",
    ]


def test_a_sequence_diagram_that_mermaid_would_not_draw_says_how_many_events_are_left_out():
    text = exported("mermaid-sequence", large(4000, 2, 3))
    shown = text.count("Note over t1: Asked") + text.count("Note over t1: f0_0")
    (left_out,) = re.findall(r"(\d+) further events are left out", text)
    assert len(text) <= 50_000
    assert text.count("Note over") - 1 + int(left_out) == 4000, shown


def test_callgrind_has_own_hits_and_the_hits_of_calls_and_counts_a_recursive_function_once():
    text = exported("callgrind", example())
    assert "events: Hits\nsummary: 12\n" in text
    assert text.endswith("\ntotals: 12\n")
    names = dict(re.findall(r"fn=\((\d+)\) (.+)", text))
    assert {"walk", "walk'2", "walk'3", "goal", "kvm_vcpu_ioctl"} <= set(names.values())
    own = Counter()
    for block in text.split("\n\nfl=")[1:]:
        name = names[re.search(r"fn=\((\d+)\)", block)[1]]
        lines = block.splitlines()
        for before, line in pairwise(lines):
            if re.fullmatch(r"\d+ \d+", line) and not before.startswith("calls="):
                own[name] += int(line.split()[1])
    assert own == {"goal": 5, "pthread_create": 1, "walk'3": 5, "kvm_vcpu_ioctl": 1}


def test_the_graphml_that_networkx_reads_has_the_calls_with_kinds_and_hits():
    graph = graph_of(example())
    read = networkx.parse_graphml(exported("graphml", example()), force_multigraph=True)
    names = networkx.get_node_attributes(read, "name")
    assert Counter(
        (names[a], names[b], data["kind"], data["hits"]) for a, b, data in read.edges(data=True)
    ) == Counter((call.caller.name, call.callee.name, call.kind.value, call.hits) for call in graph.calls)


def test_the_json_document_has_all_of_the_recording_and_obeys_its_published_schema():
    recording = example()
    document = parsed("json", recording)
    jsonschema.validate(document, SCHEMA)
    assert jsonschema.Draft202012Validator.check_schema(SCHEMA) is None
    assert set(document) == set(SCHEMA["properties"])
    for name, defined in SCHEMA["$defs"].items():
        assert set(defined["required"]) == set(defined["properties"]), name
    frames = document["frames"]
    stops = [
        (
            it["number"],
            it["time"],
            it["thread"],
            it["count"],
            [frames[n]["name"] for n in document["stacks"][it["stack"]]],
        )
        for it in document["stops"]
    ]
    assert stops == [
        (stop.number, stop.time, stop.thread, stop.count, [frame.name for frame in stop.frames])
        for stop in recording.stops
    ]
    assert [frames[n]["call"] for n in document["stacks"][document["stops"][0]["stack"]]] == [
        frame.call.value for frame in recording.stops[0].frames
    ]
    assert [(it["request"], it["time"], it["returned"]) for it in document["ioctls"]] == [
        (line.request, line.time, entry.returned)
        for line, entry in zip(ioctl_log(recording), recording.ioctl_log, strict=True)
    ]
    assert len(document["stacks"]) == 5  # the empty one, too: of an ioctl without a stack
    assert [(it["time"], it["kind"]) for it in document["accesses"]] == [
        (access.time, access.kind) for access in io_accesses(recording)
    ]
    assert document["exits"] == {"2": 7}
    assert [it["name"] for it in document["pointers"]] == ["AccelClass.init_machine"]


def rows(name, of):
    return list(csv.DictReader(io.StringIO(exported(name, of), newline="")))


def test_the_csv_of_ioctls_and_accesses_has_a_row_for_each():
    ioctls = rows("ioctls-csv", example())
    assert [(it["number"], float(it["time"]), it["thread"], it["request"], it["result"]) for it in ioctls] == [
        ("0", 0.1, "main thread", "KVM_CREATE_VM", "fd 12"),
        ("1", 0.75, "CPU 0/KVM", "KVM_RUN", "0"),
        ("2", 0.9, "CPU 0/KVM", "KVM_RUN", "0"),
        ("3", 1.1, "CPU 0/KVM", "KVM_RUN", "-1 E2BIG"),
    ]
    assert ioctls[0]["calls"] == "main > accel_init *> goal"
    assert [it["kernel_observed"] for it in ioctls] == ["false", "true", "false", "false"]
    (access,) = rows("accesses-csv", example())
    assert (access["kind"], access["address"], access["value"]) == ("port write", "128", "90")


def test_a_text_that_a_spreadsheet_takes_for_a_formula_begins_with_an_apostrophe():
    for name in ("=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3"):
        assert {it["file"] for it in rows("ioctls-csv", named(name))} == {f"'{name}"}


@pytest.mark.threat("A name becomes markup in a report or an export")
@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_a_hostile_name_stays_text_and_the_export_well_formed(name):
    recording = named(name)
    for format_name, export in FORMATS.items():
        text = exported(format_name, recording)
        if export.is_json:
            json.loads(text)
        else:
            found = {char for char in text if is_control(char)}
            assert not found, format_name
    jsonschema.validate(parsed("json", recording), SCHEMA)
    jsonschema.validate(parsed("trace-events", recording), TRACE_EVENTS)
    assert sum(int(line.rsplit(" ", 1)[1]) for line in exported("folded", recording).splitlines()) == 12
    assert all(line.count(";") in (3, 4) for line in exported("folded", recording).splitlines())
    assert len(rows("ioctls-csv", recording)) == 4
    networkx.parse_graphml(exported("graphml", recording), force_multigraph=True)
    flowchart = exported("mermaid", recording)
    for label in re.findall(r'\["(.*?)"\]', flowchart):
        assert re.fullmatch(r"(?:[^\"#;<&`%{}|\[\]\\:~^]|#\d+;)*", label), label
    blocks = [line for line in exported("callgrind", recording).splitlines() if line.startswith("fn=")]
    assert all(re.match(r"fn=\(\d+\)(?: \S|$)", line) for line in blocks)


def test_a_recording_of_22000_hits_is_exported_in_seconds_and_equal_stacks_are_looked_at_once():
    recording = large(22_000, 40, 25)
    for name, export in FORMATS.items():
        if export.of_recording is None:
            continue
        began = time.process_time()
        text = exported(name, recording)
        assert time.process_time() - began < 10, name
        assert text, name
    assert exported("folded", recording).count("\n") == 40
    assert sum(int(line.rsplit(" ", 1)[1]) for line in exported("folded", recording).splitlines()) == 22_000
    (profile,) = parsed("speedscope", recording)["profiles"]
    assert sum(profile["weights"]) == profile["endValue"] == 22_000
    assert len({id(it.steps) for it in samples(recording)}) == 40


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a.json", "json"),
        ("a.speedscope.json", "speedscope"),
        ("a.Trace.JSON", "trace-events"),
        ("callgrind.out", "callgrind"),
        ("a.mmd", "mermaid"),
        ("a.sequence.mmd", "mermaid-sequence"),
        ("ioctls.csv", "ioctls-csv"),
        ("run1-accesses.csv", "accesses-csv"),
        ("a.csv", ""),
        ("a", ""),
    ],
)
def test_the_longest_suffix_decides_the_format(file, name):
    assert format_of(file) == name


def test_no_two_formats_have_one_suffix():
    suffixes = [suffix for export in FORMATS.values() for suffix in export.suffixes]
    assert len(suffixes) == len(set(suffixes))
