"""Baselines: text for git, there and back, and where they are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.store import file_name, match_baselines, update_baselines
from analyzer.baselines.writer import FIRST_LINE, write_baseline
from analyzer.diff.change import NamedGraph
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import shipped_history
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.call_graph import GraphIoctl
from analyzer.graph.json_format import to_json
from analyzer.inputs import open_graph
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind
from tests.support.comparisons import source

LINES = ("main@vl > init *> kvm_init@kvm-all > ioctl@[libc]", "main@vl > board t> cpu => thread i> goal")
EXAMPLE = source(*LINES, ioctls=("KVM_A", "KVM_RUN"), slots={"kvm_init": "AccelClass.init_machine by class_init"})

VERSION_1 = Path(__file__).with_name("version_1")
VERSION_2 = Path(__file__).with_name("version_2")  # the same recordings
OLD_ARROWS = {"~>": CallKind.TAIL, "+>": CallKind.INLINE, "!>": CallKind.SIGNAL, "->": CallKind.CALL}


def there_and_back(text):
    return write_baseline(read_baseline(text, "baseline"))


def test_it_is_read_back_as_it_was():
    text = write_baseline(EXAMPLE.graph)
    assert there_and_back(text) == text


def test_the_key_says_what_the_arrows_mean_that_occur():
    keys = [line for line in write_baseline(EXAMPLE.graph).splitlines() if line.startswith("key")]
    assert keys == ["key > direct call; *> call through a pointer; t> tail call; i> inlined; => thread start"]
    assert "\nkey" not in write_baseline(source("goal").graph), "no call, no arrow"


@pytest.mark.parametrize("file", sorted(VERSION_1.glob("*.txt")), ids=lambda file: file.stem)
def test_one_of_version_1_is_read_as_the_same_graph(file):
    old = file.read_text()
    assert old.startswith("qemu-callchain baseline 1\n")
    graph = read_baseline(old, file.name)
    assert to_json(graph) == to_json(read_baseline(write_baseline(graph), file.name))
    assert to_json(graph) == to_json(open_graph(str(VERSION_2 / file.name)).graph)
    steps = [step for chain in graph.chains for step in chain.steps]
    assert sum(step.kind is not None for step in steps) >= sum(" *> " in line for line in old.splitlines()) > 0


@pytest.mark.parametrize("arrow", OLD_ARROWS)
def test_an_arrow_of_version_1_is_known_in_version_1_only(arrow):
    text = f"{{}}\n\nchain goal: The goal (main thread)\n  main vl.c\n  {arrow} goal vl.c\n"
    (chain,) = read_baseline(text.format("qemu-callchain baseline 1"), "baseline").chains
    assert chain.steps[1].kind is OLD_ARROWS[arrow]
    with pytest.raises(AnalyzerError, match="unexpected"):
        read_baseline(text.format(FIRST_LINE), "baseline")


def test_nothing_differs_from_the_graph_it_was_made_of():
    baseline = NamedGraph("baseline", read_baseline(write_baseline(EXAMPLE.graph), "baseline"))
    for old, new in ((baseline, EXAMPLE), (EXAMPLE, baseline)):
        diff = compare(old, new, shipped_history())
        assert (diff.changes, diff.not_comparable) == ((), ())


def test_a_pointer_stands_on_lines_of_its_own():
    text = write_baseline(EXAMPLE.graph)
    assert "through member AccelClass.init_machine\n       stored AccelClass.init_machine class_init\n" in text


def test_a_pointer_that_nobody_could_explain_is_not_kept():
    graph = source("main *> goal", slots={"goal": "Ops.go"}).graph
    assert write_baseline(graph) == write_baseline(source("main *> goal").graph)


def test_it_has_neither_lines_nor_a_build_id():
    text = write_baseline(EXAMPLE.graph)
    assert not any(character.isdigit() for character in text.replace(FIRST_LINE, "").replace("9.9.9", ""))
    other = source(*LINES, build_id="another", tool="another 9", ioctls=("KVM_A", "KVM_RUN"),
                   slots={"kvm_init": "AccelClass.init_machine by class_init"})  # fmt: skip
    assert write_baseline(other.graph) == text


def test_the_kernel_is_not_in_it():
    with_kernel, without = source("main > goal $> kvm_dev_ioctl k> deeper"), source("main > goal")
    assert write_baseline(with_kernel.graph) == write_baseline(without.graph)


@given(st.text(min_size=1), st.text())
def test_whatever_a_function_is_called_it_is_read_back(name, file):
    graph = source("main > goal").graph
    chain = graph.chains[0]
    strange = replace(chain.steps[1], function=Function(name, "x"), file=file)
    graph.chains = (replace(chain, steps=(chain.steps[0], strange)),)
    back = read_baseline(write_baseline(graph), "baseline")
    assert back.chains[0].steps[1].function == Function(name, "x")


@given(st.text(), st.text(), st.text(), st.text())
@example("out 0x80: x", "The guest (twice): writes", "vCPU (1)", "7.2 (v7.2)\nchain")
def test_whatever_stands_in_its_headings_is_read_back(milestone, title, thread, version):
    graph = source("main > goal", qemu_version=version, machine=version or "q35").graph
    chain = replace(graph.chains[0], milestone=milestone, title=title, thread=thread)
    longer = replace(chain, milestone="longer", steps=(*chain.steps, chain.steps[-1]))
    graph.chains = (chain, longer)
    graph.ioctls = (GraphIoctl("A", "b", thread, "", Function("", "")),)
    back = read_baseline(write_baseline(graph), "baseline")
    assert [(it.milestone, it.title, it.thread, len(it.steps)) for it in back.chains] == [
        (milestone, title, thread, 2), ("longer", title, thread, 3)
    ]  # fmt: skip
    assert (back.provenance.qemu_version, back.ioctls) == (version, graph.ioctls)


@pytest.mark.parametrize("name", ["as", "through", "stored", "chain", ">"])
def test_a_function_may_be_called_like_a_word_of_the_format(name):
    graph = source(f"{name} > goal", f"{name} > {name} > goal").graph
    back = read_baseline(write_baseline(graph), "baseline")
    assert [[step.function for step in chain.steps] for chain in back.chains] == [
        [step.function for step in chain.steps] for chain in graph.chains
    ]


@pytest.mark.parametrize("text", ["chain goal: The goal (main thread)", "chain goal: The goal", "ioctl on x"])
def test_a_heading_without_what_belongs_below_it_is_an_error(text):
    with pytest.raises(AnalyzerError, match="damaged"):
        read_baseline(f"{FIRST_LINE}\n\n{text}\n", "baseline")


def test_a_slot_of_an_unknown_kind_is_an_error():
    text = write_baseline(source("main > goal", slots={"goal": "Ops.go by a"}).graph)
    assert "through member" in text
    with pytest.raises(AnalyzerError, match="'union' is not one of member, static"):
        read_baseline(text.replace("through member", "through union"), "baseline")


@given(st.sampled_from(write_baseline(EXAMPLE.graph).splitlines()), st.text(max_size=20), st.integers(0, 40))
def test_a_damaged_one_is_an_error_or_a_graph(line, text, at):
    damaged = write_baseline(EXAMPLE.graph).replace(line, line[:at] + text + line[at:], 1)
    try:
        graph = read_baseline(damaged, "baseline")
        to_json(graph)
        compare(NamedGraph("baseline", graph), EXAMPLE, shipped_history())
    except AnalyzerError as error:
        assert "baseline" in error.message


def test_one_of_a_newer_version_says_so():
    with pytest.raises(AnalyzerError, match="schema 99"):
        read_baseline("qemu-callchain baseline 99\n", "baseline")


class TestWhereTheyAreKept:
    @pytest.mark.parametrize(
        ("changes", "name"),
        [
            ({}, "qemu-7.2-default-own.txt"),
            ({"machine": "q35", "build": {"profile": "release"}}, "qemu-7.2-q35-release.txt"),
            ({"scenario": "io"}, "qemu-7.2-default-own-io.txt"),
            ({"accelerator": "tcg"}, "qemu-7.2-default-own-tcg.txt"),
            ({"qemu_version": "10.0.50 (v10.0.0-12-gabc)"}, "qemu-10.0-default-own.txt"),
            ({"guest": "../../my disk.qcow2"}, "qemu-7.2-default-own-.._.._my_disk.qcow2.txt"),
        ],
    )
    def test_the_name_tells_version_machine_and_profile(self, changes, name):
        usual = {"qemu_version": "7.2.22", "accelerator": "kvm"}
        assert file_name(source("main > goal", **{**usual, **changes}).graph.provenance) == name

    def test_two_recordings_for_one_place_are_refused(self, tmp_path):
        for name in ("a.json", "b.json"):
            (tmp_path / name).write_text(to_json(EXAMPLE.graph))
        with pytest.raises(UsageError, match="same baseline"):
            match_baselines(tmp_path, [open_graph(str(tmp_path / name)) for name in ("a.json", "b.json")])

    def test_updating_tells_what_happened(self, tmp_path):
        (tmp_path / "a.json").write_text(to_json(EXAMPLE.graph))
        kept = match_baselines(tmp_path / "new", [open_graph(str(tmp_path / "a.json"))])
        assert [next(update_baselines(kept)).split()[0] for _ in range(2)] == ["new", "unchanged"]
        for damaged in (b"else", b"\xff\xfe"):
            kept[0].baseline.write_bytes(damaged)
            assert next(update_baselines(kept)).startswith("updated")

    def test_what_the_new_one_knows_less_than_the_one_before_is_said(self, tmp_path):
        asked = source("main *> goal", ioctls=["KVM_RUN", "KVM_SET_CPUID2"], slots={"goal": "Ops.go by init"})
        poor = source("main *> goal", ioctls=["KVM_RUN"])
        lines = [next(update_baselines(match_baselines(tmp_path, [each]))) for each in (asked, asked, poor, asked)]
        lost = ": without who set the function pointers and the ioctls, which the old baseline had"
        assert [line.partition("(NEW)")[2] for line in lines] == ["", "", lost, ""]

    def test_an_editor_may_have_put_a_mark_before_it(self, tmp_path):
        for name, text in (("a.txt", write_baseline(EXAMPLE.graph)), ("a.json", to_json(EXAMPLE.graph))):
            (tmp_path / name).write_text(text, encoding="utf-8-sig")
            assert len(open_graph(str(tmp_path / name)).graph.chains) == len(EXAMPLE.graph.chains)

    def test_none_is_made_of_an_incomplete_recording(self, tmp_path):
        (tmp_path / "a.json").write_text(to_json(source("main > goal", complete=False).graph))
        with pytest.raises(AnalyzerError, match="not recorded to its end"):
            list(update_baselines(match_baselines(tmp_path, [open_graph(str(tmp_path / "a.json"))])))
        assert not list(tmp_path.glob("*.txt"))
