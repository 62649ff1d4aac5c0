"""What a QEMU was started with: in a graph, in the outputs of a comparison, in a baseline."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.baselines.reader import read_baseline
from analyzer.baselines.store import file_name
from analyzer.baselines.writer import write_baseline
from analyzer.commands.comparison import ComparisonTerms, compare_sources
from analyzer.graph.json_format import from_json, to_json
from analyzer.graph.merge import combine, graph_of
from analyzer.graph.qemu_arguments import arguments_of, machine_of
from analyzer.policy.verdict import Verdict
from reports.ci import github, json_document, junit, markdown, sarif
from reports.html.diff_data import build_diff_page
from reports.text import diff
from reports.text.sentences import side_sentence, summary
from tests.support.comparisons import source
from tests.support.notation import recording

ARGUMENTS = "-smp 4 -device virtio-rng-pci"


def started_with(*given, **provenance):
    return source("main > goal", qemu_version="7.2.22", accelerator="kvm", arguments=" ".join(given), **provenance)


def told(old, new):
    return summary(compare_sources(old, new, ComparisonTerms()))


class TestInAGraph:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("-smp 4,sockets=2", "-smp 4,sockets=2"),
            ("--smp 4 --snapshot", "-smp 4 -snapshot"),
            ("-drive file=/home/me/a.img,format=raw", "-drive file=PATH,format=raw"),
            ("-drive file=../me/a,,b/c.img,format=raw", "-drive file=PATH,format=raw"),
            ("-drive file=images/a.qcow2,if=ide", "-drive file=PATH,if=ide"),
            ("-drive file=C,,D/x,,,format=raw", "-drive file=PATH,format=raw"),
            ("-drive file=a.img", "-drive file=a.img"),
            ("-drive file=https://example.org/a.img", "-drive file=https://PATH"),
            ("-drive file=nbd://h -cdrom nbd://h/a", "-drive file=nbd://PATH -cdrom nbd://PATH"),
            ("-drive file=fat:rw:/me/x", "-drive file=fat:rw:PATH"),
            ("-drive file=null-co://,if=ide", "-drive file=null-co://,if=ide"),
            ("-drive file=json:{a/b}", "-drive file=json:PATH"),
            ("-blockdev qcow2,file.filename=me/x", "-blockdev qcow2,file.filename=PATH"),
            ("-bios /me/x.bin -serial unix:/run/1000/s,server", "-bios PATH -serial unix:PATH,server"),
            ("-serial file:out/log -serial tcp:0:55", "-serial file:PATH -serial tcp:0:55"),
            ("-kernel out/a,b -initrd ~me/x", "-kernel PATH -initrd PATH"),
            ("-L pc-bios -hda disk.img", "-L pc-bios -hda disk.img"),
            ("-drive nbd:unix:/run/x:exportname=a", "-drive nbd:unix:PATH"),
            ("-chardev socket,id=a,path=run/s", "-chardev socket,id=a,path=PATH"),
            ("-netdev tap,vhostdev=/dev/x,ifname=t", "-netdev tap,vhostdev=PATH,ifname=t"),
            ('-blockdev {"filename":"/me/x","a":1}', """-blockdev '{"filename":"PATH","a":1}'"""),
            ('-blockdev {"file":"me,x/y","a":"b/c"}', """-blockdev '{"file":"PATH","a":"b/c"}'"""),
            # a slash makes no path
            ("-netdev user,net=10.0.2.0/24", "-netdev user,net=10.0.2.0/24"),
            ("-fw_cfg name=opt/org.foo/bar,string=x", "-fw_cfg name=opt/org.foo/bar,string=x"),
            ("-d int,cpu/reset", "-d int,cpu/reset"),
            ("-incoming http://h/x", "-incoming http://h/x"),
            # secrets
            ("-object secret,id=s0,data=hunter2", "-object secret,id=s0,data=SECRET"),
            ("-object secret,id=s0,data=on", "-object secret,id=s0,data=SECRET"),
            ("-device loader,addr=1,data=0xde", "-device loader,addr=1,data=0xde"),
            ("-x passphrase=hunter2", "-x passphrase=SECRET"),
            ("-iscsi user=u,password=a/b,,c", "-iscsi user=u,password=SECRET"),
            ("-vnc :1,password=on", "-vnc :1,password=on"),
            ("-drive file.key-secret=s0,file.passwd=x", "-drive file.key-secret=s0,file.passwd=SECRET"),
            ('-object {"id":"a","data":"b"}', """-object '{"id":"a","data":"SECRET"}'"""),
            # the machine
            ("-M q35 -smp 2", "-smp 2"),
            ("--M q35 -smp 2", "-smp 2"),
            ("-smp 2 --machine type=q35,smm=off", "-smp 2 -machine smm=off"),
            ("-M pc,firmware=me/x", "-machine firmware=PATH"),
            ("-M", ""),
        ],
    )  # fmt: skip
    def test_the_users_own_arguments_are_in_it_without_paths_secrets_and_machine(self, given, kept):
        assert arguments_of(given.split()) == kept

    @pytest.mark.parametrize("line", ["root=/dev/sda1 console=ttyS0 quiet", "--x /home", "data=1,password=2"])
    def test_what_is_for_the_guests_kernel_is_kept_as_it_is(self, line):
        assert arguments_of(["-append", line]) == shlex.join(["-append", line])

    def test_a_folder_with_a_blank_leaves_nothing_behind(self):
        assert arguments_of(["-hda", "/home/my user/x"]) == "-hda PATH"
        assert arguments_of(["-drive", "if=ide,file=my folder/x"]) == "-drive if=ide,file=PATH"

    @given(st.lists(st.text()), st.text(alphabet="abc ./:=,", max_size=20))
    def test_whoever_it_is_no_folder_is_left(self, given, folder):
        folder = folder.replace(",", ",,")
        alice, bob = ([*given, "-drive", f"path=/{name}{folder}/x"] for name in ("alice", "bob"))
        assert arguments_of(alice) == arguments_of(bob)
        assert arguments_of(alice).endswith("path=PATH")

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
        [
            ("-M q35 -M pc", "pc"),
            ("-M pc --M q35", "q35"),
            ("-M q35 -M smm=off", "q35"),
            ("-M type=q35,smm=off", "q35"),
            ("-M smm=off", ""),
        ],
    )
    def test_the_last_machine_counts(self, command, machine):
        assert machine_of(command.split()) == machine


class TestInAComparison:
    OLD, NEW = started_with(), started_with(ARGUMENTS)

    def test_they_stand_beside_what_was_compared(self):
        assert f"started with {ARGUMENTS}" in side_sentence(self.NEW.side)
        assert "started with" not in side_sentence(self.OLD.side)

    def test_that_they_differ_is_told_and_is_no_difference(self):
        judged = compare_sources(self.OLD, self.NEW, ComparisonTerms())
        assert summary(judged) == "No change that counts; started with other arguments."
        assert judged.verdict is Verdict.SAME

    def test_so_are_another_machine_accelerator_and_guest(self):
        other = started_with(machine="q35", guest="disk.img")
        other.graph.provenance = replace(other.graph.provenance, accelerator="tcg")
        assert told(self.NEW, other).endswith(
            "started with another accelerator and another machine and another guest and other arguments."
        )

    def test_of_what_was_started_alike_nothing_is_told(self):
        assert told(self.NEW, self.NEW) == "No change that counts."

    def test_nothing_is_told_of_what_nobody_knows(self):
        pasted = source("main .> goal", scenario="import", accelerator="", guest="")
        early = source("main > goal", accelerator="", complete=False)
        for old, new in ((pasted, self.NEW), (self.NEW, pasted), (early, self.OLD), (self.OLD, early)):
            assert "started with" not in told(old, new)

    @pytest.mark.parametrize("form", [diff, markdown, json_document, github, junit, sarif])
    def test_every_format_that_has_a_summary_tells_it(self, form):
        written = form.render(compare_sources(self.OLD, self.NEW, ComparisonTerms()))
        assert "started with other arguments" in written
        if form is not github:
            assert "virtio-rng-pci" in written

    def test_the_page_has_rows_for_the_machine_and_the_arguments(self):
        rows = {
            fact.name: fact
            for fact in build_diff_page(compare_sources(self.OLD, self.NEW, ComparisonTerms()), "").facts
        }
        assert (rows["QEMU arguments"].old, rows["QEMU arguments"].new) == ("none", ARGUMENTS)
        assert (rows["Machine"].old, rows["Machine"].differs) == ("QEMU's default", False)

    def test_the_page_claims_nothing_of_a_pasted_backtrace(self):
        pasted = source("main .> goal", scenario="import", accelerator="", guest="")
        rows = {
            fact.name: fact
            for fact in build_diff_page(compare_sources(pasted, self.NEW, ComparisonTerms()), "").facts
        }
        assert (rows["QEMU arguments"].old, rows["Machine"].old) == ("unknown", "unknown")


class TestInABaseline:
    def test_they_are_read_back(self):
        baseline = write_baseline(started_with(ARGUMENTS).graph)
        assert f"\narguments {ARGUMENTS}\n" in baseline
        assert read_baseline(baseline, "x").provenance.arguments == ARGUMENTS

    def test_one_without_arguments_has_no_line_for_them(self):
        assert "arguments" not in write_baseline(started_with().graph)

    @given(st.text())
    def test_whatever_they_are_they_are_read_back(self, arguments):
        assert read_baseline(write_baseline(started_with(arguments).graph), "x").provenance.arguments == arguments

    @pytest.mark.parametrize(
        ("arguments", "name"),
        [
            ("", "qemu-7.2-default-own.txt"),
            ("-smp 4", "qemu-7.2-default-own-smp_4.txt"),
            (ARGUMENTS, "qemu-7.2-default-own-smp_4_-device_virtio-rng-pci.txt"),
            ("-smp 4,sockets=2", "qemu-7.2-default-own-smp_4_sockets_2-36ece91c.txt"),
        ],
    )
    def test_other_arguments_make_another_baseline(self, arguments, name):
        assert file_name(started_with(arguments).graph.provenance) == name

    def test_no_two_sets_of_arguments_have_the_same_one(self):
        sets = ["-a b", "-a_b", "-a,b", "-a=b", "--a b", "-a 'b'", "-a -b", "-a-b", "a b", "-", "--", "",
                "-x" + "y" * 300, "-x" + "y" * 299, "-x" + "y" * 58, "-x" + "y" * 59]  # fmt: skip
        names = [file_name(started_with(arguments).graph.provenance) for arguments in sets]
        assert len(set(names)) == len(sets)
        assert max(map(len, names)) < 120

    @given(st.text())
    def test_its_name_is_fit_for_every_file_system(self, arguments):
        assert re.fullmatch(
            r"qemu-7\.2-default-own[\w.+-]*\.txt", file_name(started_with(arguments).graph.provenance)
        )
