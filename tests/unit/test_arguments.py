"""What a QEMU was started with: in a graph, in the outputs of a comparison, in a baseline."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.comparing import Terms, compare_sources
from analyzer.diff.words import summary
from analyzer.graph.command import arguments_of, machine_of
from analyzer.graph.document import from_json, to_json
from analyzer.graph.merge import combine, graph_of
from tests.comparing import source
from tests.notation import recording

ARGUMENTS = "-smp 4 -device virtio-rng-pci"


def started_with(*given, **provenance):
    return source("main > goal", qemu_version="7.2.22", accelerator="kvm", arguments=" ".join(given), **provenance)


def told(old, new):
    return summary(compare_sources(old, new, Terms()))


class TestInAGraph:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("-smp 4,sockets=2", "-smp 4,sockets=2"),
            ("-drive file=/home/me/a.img,format=raw", "-drive file=PATH,format=raw"),
            ("-drive file=../me/a,,b/c.img,format=raw", "-drive file=PATH,format=raw"),
            ("-bios /me/x.bin -serial unix:/run/1000/s,server", "-bios PATH -serial unix:PATH,server"),
            ("-L pc-bios -hda disk.img", "-L pc-bios -hda disk.img"),
            ('-blockdev {"filename":"/me/x","a":1}', """-blockdev '{"filename":PATH,"a":1}'"""),
            ("-M q35 -smp 2", "-smp 2"),
            ("-smp 2 --machine type=q35,smm=off", "-smp 2 --machine smm=off"),
            ("-M", ""),
        ],
    )  # fmt: skip
    def test_the_users_own_arguments_are_in_it_without_paths_and_machine(self, given, kept):
        assert arguments_of(given.split()) == kept

    def test_a_folder_with_a_blank_leaves_nothing_behind(self):
        assert arguments_of(["-append", "root=/home/my user/x quiet"]) == "-append root=PATH"
        assert arguments_of(["-append", "a b"]) == "-append 'a b'"

    @given(st.lists(st.text()), st.text(alphabet="abc ./:=,", max_size=20))
    def test_whoever_it_is_no_folder_is_left(self, given, folder):
        alice, bob = ([*given, f"path=/{name}{folder}/x"] for name in ("alice", "bob"))
        assert "/" not in arguments_of(alice)
        if "," not in folder:
            assert arguments_of(alice) == arguments_of(bob)

    def test_they_come_from_the_header_and_are_read_back(self):
        whole = recording("main > goal")
        given = ["-M", "q35", "-smp", "2", "-hda", "/x"]
        header = replace(whole.header, command=["qemu", "-m", "16", *given], qemu_arguments=given)
        graph = graph_of(replace(whole, header=header))
        assert (graph.provenance.machine, graph.provenance.arguments) == ("q35", "-smp 2 -hda PATH")
        assert from_json(to_json(graph), "x").provenance == graph.provenance

    def test_a_graph_of_before_they_were_known_is_read(self):
        data = json.loads(to_json(source("main > goal").graph))
        del data["provenance"]["arguments"]
        assert from_json(json.dumps(data), "x").provenance.arguments == ""

    def test_of_recordings_started_differently_it_has_them_all(self):
        graphs = [started_with(given).graph for given in ("-m 1,x", "-name 'a, b'", "-m 1,x")]
        assert combine(graphs).provenance.arguments == "-m 1,x | -name 'a, b'"

    @pytest.mark.parametrize(
        ("command", "machine"),
        [("-M q35 -M pc", "pc"), ("-M q35 -M smm=off", "q35"), ("-M type=q35,smm=off", "q35"), ("-M smm=off", "")],
    )
    def test_the_last_machine_counts(self, command, machine):
        assert machine_of(command.split()) == machine
