"""Mermaid's own parser and renderer read both kinds of diagrams, in a real Chromium."""

from __future__ import annotations

from collections import Counter

import pytest

from analyzer.graph.merge import graph_of
from reports.export.formats import FORMATS
from reports.export.samples import shown
from reports.sanitize import truncate_middle
from tests.support.exports import example, exported, large, named
from tests.support.graphs import ladder
from tests.unit.reports.test_export import HOSTILE

_READ = """
const [text, done] = arguments;
(async () => {
  mermaid.initialize({startOnLoad: false, suppressErrorRendering: true});
  const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
  const db = diagram.db, list = it => it instanceof Map ? [...it.values()] : Object.values(it);
  const drawn = await mermaid.render('drawn', text);
  const page = new DOMParser().parseFromString(drawn.svg, 'text/html');
  const texts = [...page.querySelectorAll('.nodeLabel, .edgeLabel p, .messageText, .noteText, text.actor')];
  done({type: diagram.type, scripts: page.querySelectorAll('script').length,
    texts: texts.map(it => it.textContent),
    nodes: db.getVertices ? list(db.getVertices()).map(it => [it.id, it.text]) : [],
    edges: db.getEdges ? db.getEdges().map(it => [it.start, it.end, it.text || '']) : [],
    actors: db.getActors ? list(db.getActors()).map(it => [it.name, it.description]) : [],
    messages: db.getMessages ? db.getMessages().map(it => [it.from, it.to, it.message]) : []});
})().catch(error => done({error: String(error)}));
"""


@pytest.fixture
def mermaid(browser, modules, tmp_path):
    page = tmp_path / "page.html"
    script = (modules / "mermaid/dist/mermaid.min.js").as_uri()
    page.write_text(f'<!doctype html><meta charset="utf-8"><body><script src="{script}"></script>')
    browser.get(page.as_uri())
    browser.set_script_timeout(60)

    def read(text):
        answer = browser.execute_async_script(_READ, text)
        assert "error" not in answer, answer["error"]
        return answer

    return read


def test_the_flowchart_has_the_calls_of_the_recording(mermaid):
    graph = graph_of(example())
    read = mermaid(exported("mermaid", example()))
    assert read["type"].startswith("flowchart")
    names = dict(read["nodes"])
    assert sorted(names.values()) == sorted(node.function.name for node in graph.nodes)
    assert Counter((names[start], names[end]) for start, end, _ in read["edges"]) == Counter(
        (call.caller.name, call.callee.name) for call in graph.calls
    )
    assert "call through a pointer, AccelClass.init_machine, 5 times" in [text for *_, text in read["edges"]]
    assert {"goal", "vcpu_fn"} <= set(read["texts"])


def test_the_sequence_has_the_threads_and_as_many_ioctls_as_the_recording(mermaid):
    read = mermaid(exported("mermaid-sequence", example()))
    assert read["type"] == "sequence"
    assert dict(read["actors"]) == {"t1": "main thread", "t2": "CPU 0/KVM", "kvm": "KVM"}
    ioctls = [(sender, text) for sender, to, text in read["messages"] if to == "kvm"]
    assert [(sender, text.split(" on ")[0]) for sender, text in ioctls] == [
        ("t1", "KVM_CREATE_VM"),
        ("t2", "KVM_RUN"),
        ("t2", "KVM_RUN"),
    ]
    times = [int(text.rpartition("(")[2].split(" ")[0]) if text.endswith("times)") else 1 for _, text in ioctls]
    assert sum(times) == len(example().ioctl_log)
    assert "KVM_RUN on anon_inode:kvm-vcpu:0 (2 times)" in read["texts"]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_a_hostile_name_is_drawn_as_text(name, mermaid):
    drawn = truncate_middle(shown(name), 60)
    for diagram in ("mermaid", "mermaid-sequence"):
        read = mermaid(exported(diagram, named(name)))
        assert read["scripts"] == 0
        assert any(drawn in text.replace("\xa0", " ") for text in read["texts"]), (diagram, read["texts"][:5])


def test_diagrams_of_large_recordings_are_within_mermaids_limits(mermaid):
    assert len(mermaid("".join(FORMATS["mermaid"].of_graph(ladder(300))))["edges"]) > 100
    assert mermaid(exported("mermaid-sequence", large(4000, 2, 3)))["type"] == "sequence"
