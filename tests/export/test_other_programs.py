"""callgrind_annotate, Graphviz and an XML parser read the exports of their formats."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

import lxml.etree
import pytest

from analyzer.cli import main
from analyzer.graph.merge import graph_of
from reports.export.samples import samples
from tests.conftest import need_tool
from tests.support.exports import example, large, named
from tests.support.hostile_recording import write_hostile_recording
from tests.support.inputs import FOLDER, write_inputs
from tests.unit.reports.test_export import HOSTILE


def annotated(file, *options):
    """Function -> hits, and the total, as callgrind_annotate prints them."""
    done = subprocess.run(
        [need_tool("callgrind_annotate"), "--threshold=100", *options, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = re.findall(r"^ *([\d,]+) \([\d. ]+%\)  (?:.*?:)?(\S+)(?: \[.*\])?$", done.stdout, re.MULTILINE)
    (total,) = re.findall(r"^ *([\d,]+) \(100.0%\)  PROGRAM TOTALS", done.stdout, re.MULTILINE)
    hits = {name: int(number.replace(",", "")) for number, name in found if name != "TOTALS"}
    return hits, int(total.replace(",", ""))


@pytest.mark.parametrize("recording", [example(), large(500, 7, 6)], ids=["small", "large"])
def test_callgrind_annotate_has_the_hits_of_the_recording(recording, export):
    file = export("callgrind", recording, "callgrind.out")
    inclusive, own = Counter(), Counter()
    for sample in samples(recording):
        own[sample.steps[-1].function.name] += sample.stop.count
        for name in {step.function.name for step in sample.steps}:
            inclusive[name] += sample.stop.count
    total = sum(stop.count for stop in recording.stops)
    hits, shown_total = annotated(file)
    assert shown_total == total
    assert Counter({re.sub(r"'\d+$", "", name): number for name, number in hits.items()}) == own
    hits, _ = annotated(file, "--inclusive=yes")
    assert {name: number for name, number in hits.items() if "'" not in name} == inclusive


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_callgrind_annotate_reads_hostile_names(name, export):
    assert annotated(export("callgrind", named(name), "callgrind.out"))[1] == 12


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_graphviz_and_an_xml_parser_read_dot_and_svg_with_hostile_names(name, tmp_path, monkeypatch, capsys):
    need_tool("dot")
    monkeypatch.chdir(tmp_path)
    write_hostile_recording(tmp_path / "in", name)
    assert main(["export", "in", "-o", "g.dot"]) == 0
    assert main(["export", "in", "-o", "g.svg"]) == 0
    subprocess.run(["dot", "-Tcanon", "g.dot"], check=True, capture_output=True)
    root = lxml.etree.parse(str(tmp_path / "g.svg")).getroot()
    assert not root.findall(".//{*}script")


def test_the_drawing_has_each_function_and_call(tmp_path, monkeypatch, capsys):
    need_tool("dot")
    monkeypatch.chdir(tmp_path)
    from analyzer.inputs import open_input

    folder = write_inputs(tmp_path)[FOLDER]
    graph = graph_of(open_input(str(folder)).recording)
    assert main(["export", "out", "-o", "g.svg"]) == 0
    root = lxml.etree.parse(str(tmp_path / "g.svg")).getroot()
    groups = Counter((group.get("class") or "").partition(" ")[0] for group in root.iter("{*}g"))
    assert (groups["node"], groups["edge"]) == (len(graph.nodes), graph.size)
