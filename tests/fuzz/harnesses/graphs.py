"""A graph.json: read, and written in one of the formats that are made of graphs."""

from __future__ import annotations

from pathlib import Path

from analyzer.graph.json_format import from_json, to_json
from tests.fuzz.verbs import one_of, run_verb

COMMANDS = [
    ["summary", "graph.json"], ["graph", "graph.json", "-o", "a.graphml"], ["graph", "graph.json", "-o", "a.dot"],
    ["show", "graph.json"], ["show", "graph.json", "--tree"], ["show", "graph.json", "--pointers"],
    ["export", "graph.json", "-o", "a.folded"], ["export", "graph.json", "-o", "a.mmd"],
    ["paths", "graph.json", "--from", ".*", "--to", ".*", "--json"],
    ["diff", "graph.json", "reference:1.6.0", "--format", "sarif"], ["diff", "graph.json", "graph.json"],
    ["diff", "reference:1.6.0", "graph.json", "--format", "md"], ["baseline", "update", "--of", "graph.json"],
]  # fmt: skip


def check(data: bytes, folder: Path) -> None:
    (folder / "graph.json").write_bytes(data)
    graph = from_json(data.decode("utf-8-sig", "replace"), "graph.json")
    assert to_json(from_json(to_json(graph), "graph.json")) == to_json(graph)
    run_verb(*one_of(data, COMMANDS))
