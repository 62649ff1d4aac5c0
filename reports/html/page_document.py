"""The document of the report page: everything that it shows, as tables, which `page_schema` lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analyzer.graph.call_graph import CallGraph
from analyzer.model.recording import Recording
from gdbscripts.records import IMPORT
from reports.html.document_builder import DocumentBuilder
from reports.html.document_graph import GraphTables
from reports.html.document_kvm import KvmTables, add_ioctls_of_graph
from reports.html.document_runs import add_facts, add_milestones, add_run
from reports.html.document_stacks import StackTables
from reports.html.document_story import add_chapters, add_sources
from reports.html.page_sentences import page_problems, page_summary, page_title
from reports.html.source_links import SourceLinks
from reports.html.story import Samples, chapters

NO_LINKS = SourceLinks()


def page_document(
    graph: CallGraph, recordings: Sequence[Recording], notes: Sequence[str] = (), links: SourceLinks = NO_LINKS
) -> dict[str, Any]:
    """Return the document of a graph and of the recordings that it was merged from; () for a graph alone.

    A graph alone has no arguments, sources and stacks. `notes` are sentences on what the inputs lack.
    """
    builder = DocumentBuilder()
    samples = Samples(recordings)
    tables = GraphTables(builder, graph)
    tables.add_functions(samples)
    stacks = StackTables(builder, tables)
    add_facts(builder, graph)
    for run, recording in enumerate(recordings):
        add_run(builder, run, len(recordings), recording)
        stacks.add_run(run, recording)
        add_milestones(builder, run, recording, stacks.stops)
    tables.add_calls(recordings, stacks.stops)
    add_chapters(builder, tables, list(chapters(graph, samples)))
    kvm = KvmTables(builder, tables, stacks)
    for run, recording in enumerate(recordings):
        kvm.add_run(run, recording)
    if not recordings:
        add_ioctls_of_graph(builder, graph)
    for problem in page_problems(graph, recordings, notes):
        builder.add("problems", text=problem)
    add_sources(builder, recordings)
    return builder.document(_page(graph, recordings, links))


def _page(graph: CallGraph, recordings: Sequence[Recording], links: SourceLinks) -> dict[str, object]:
    provenance = graph.provenance
    return {
        "title": page_title(provenance),
        "summary": page_summary(graph, recordings),
        "complete": provenance.complete,
        "scenario": provenance.scenario,
        "imported": provenance.scenario == IMPORT,
        "language": "en",
        "source_url": links.url,
        "editor_url": links.editor,
        "source_root": links.root,
    }
