"""Every format stays well-formed for names of all characters, and shows those that it does not allow."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

import lxml.etree
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.cli import main
from analyzer.inputs import open_input
from analyzer.text import xml_text
from gdbscripts.json_lines import from_line, to_line
from gdbscripts.records import NoteRecord
from gdbscripts.visible import visible
from tests.conftest import need_tool
from tests.support.hostile import NAMES
from tests.support.hostile_recording import write_hostile_recording

CONTROLS = "".join(map(chr, [*range(1, 32), 127, *range(128, 160), 0xFFFE, 0xFFFF, 0xD800, 0xDFFF])).replace(
    "\n", ""
)
OUTPUTS = {
    "report.html": ["report", "NEW"],
    "graph.json": ["graph", "NEW"],
    "graph.svg": ["graph", "NEW"],
    "graph.graphml": ["graph", "NEW"],
    "paths.json": ["paths", "NEW", "--from", "(?s).*", "--to", "(?s).*"],
    "paths.svg": ["paths", "NEW", "--from", "(?s).*", "--to", "(?s).*"],
    "diff.html": ["diff", "OLD", "NEW"],
    "diff.xml": ["diff", "OLD", "NEW"],
    "diff.json": ["diff", "OLD", "NEW"],
    "diff.sarif": ["diff", "OLD", "NEW"],
    "diff.quality.json": ["diff", "OLD", "NEW"],
    "diff.md": ["diff", "OLD", "NEW"],
}
_SVG = re.compile(rb"<svg\b.*?</svg>", re.DOTALL)


def assert_well_formed(file):
    content = file.read_bytes()
    text = content.decode("utf-8")
    if file.suffix == ".html":
        # of HTML's own rules, those about characters: https://html.spec.whatwg.org/#preprocessing-the-input-stream
        assert not re.search("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", text)
        drawings = _SVG.findall(content)  # a comparison has one, a report draws in the browser
        assert len(drawings) == file.name.startswith("diff")
        for drawing in drawings:
            lxml.etree.fromstring(drawing)
    elif file.suffix in (".json", ".sarif"):
        json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))
    elif file.suffix != ".md":
        lxml.etree.fromstring(content)


def write_all(name, folder, outputs=OUTPUTS):
    """Write all outputs of a program in which everything is called `name`, and check them."""
    words = {
        "NEW": str(write_hostile_recording(folder / "new", name)),
        "OLD": str(write_hostile_recording(folder / "old", name + "x")),
    }
    for output, verb in outputs.items():
        file = folder / output
        status = main([*(words.get(word, word) for word in verb), "-o", str(file)])
        assert status in (0, 1, 3), (output, status)
        assert file.exists(), output
        assert_well_formed(file)


@pytest.mark.threat(
    "A name becomes markup in a report or an export",
    source="names of functions, threads and files",
    defence="each format escapes what it gives a meaning to, and shows what it does not allow",
)
@pytest.mark.parametrize("name", [*NAMES[:-1], CONTROLS, "a" + CONTROLS[:20]], ids=lambda name: visible(name)[:20])
def test_every_output_is_well_formed(name, tmp_path):
    need_tool("dot")
    write_all(name, tmp_path)


@pytest.mark.threat("A name becomes markup in a report or an export")
@settings(max_examples=20)
@given(
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp", "L", "P"]), min_size=1, max_size=9)
)
def test_every_output_is_well_formed_for_any_name(name):
    need_tool("dot")
    with tempfile.TemporaryDirectory() as folder:
        write_all(name, Path(folder))


def test_what_a_drawing_does_not_allow_is_visible_in_it(tmp_path):
    need_tool("dot")
    write_all("a\x01b\x1bc\u202ed", tmp_path, {name: OUTPUTS[name] for name in ("graph.svg", "graph.graphml")})
    assert r"a\x01b\x1bc\u202ed" in "".join(lxml.etree.parse(tmp_path / "graph.svg").getroot().itertext())
    graphml = "".join(lxml.etree.parse(tmp_path / "graph.graphml").getroot().itertext())
    assert "a\\x01b\\x1bc\u202ed" in graphml, "XML allows bidirectional overrides: the data keep them"


def test_a_lone_surrogate_is_replaced_on_reading_and_a_pair_is_one_character():
    line = to_line(NoteRecord("a\ud800b\U0001f600"))
    assert from_line(line) == NoteRecord("a\ufffdb\U0001f600")
    assert from_line(line.replace("\\ud800", "\\uDC41")) == NoteRecord("a\ufffdb\U0001f600")


def test_a_graph_and_a_baseline_with_a_lone_surrogate_are_read(tmp_path):
    recording = write_hostile_recording(tmp_path / "in", "fSURROGATE")
    assert main(["graph", str(recording), "-o", str(tmp_path / "g.json")]) == 0
    assert main(["baseline", "update", str(tmp_path / "b"), "--of", str(recording)]) == 0
    for file in (tmp_path / "g.json", *(tmp_path / "b").glob("*")):
        text = file.read_text().replace("fSURROGATE", "f\\ud800")
        file.write_text(
            re.sub(r"(?<![\"\w])f\\ud800(?!\")", r'"f\\ud800"', text) if file.suffix == ".txt" else text
        )
        names = {node.function.name for node in open_input(str(file)).graph.nodes}
        assert names == {"f\ufffd"}, file


def test_an_input_whose_name_is_not_utf_8_can_be_used_for_every_output(tmp_path):
    need_tool("dot")
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\x1b"))
    folder.mkdir()
    write_all("main", folder)
    (folder / "text\udcff").write_text("#0  goal () at x.c:1\n#1  main () at x.c:2\n")
    assert main(["graph", str(folder / "text\udcff"), "-o", str(tmp_path / "text.json")]) == 0
    assert_well_formed(tmp_path / "text.json")
    assert main(["report", str(folder / "text\udcff"), "-o", str(tmp_path / "text.html")]) == 0
    assert_well_formed(tmp_path / "text.html")
    assert main(["import", str(folder / "text\udcff"), "-o", str(tmp_path / "imported")]) == 0
    assert_well_formed(tmp_path / "imported" / "report.html")


@given(st.text(st.characters()))
def test_xml_text_is_what_xml_allows(text):
    element = lxml.etree.Element("a")
    element.text = xml_text(text)
    assert element.text == xml_text(text)
