"""The story in the page's document: chapters with their steps; and the source lines, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.graph.call_graph import ChainStep
from analyzer.model.recording import Recording
from reports.html.document_builder import DocumentBuilder, page_text
from reports.html.document_graph import GraphTables, kind_number
from reports.html.highlight import token_runs
from reports.html.report_page import StoryChapter, StoryStep


def add_chapters(builder: DocumentBuilder, graph: GraphTables, chapters: Sequence[StoryChapter]) -> None:
    """Add the chapters of the story with all their steps; functions and pointers must be there."""
    for chapter in chapters:
        callers = (None, *(step.step for step in chapter.steps))
        steps = [
            _add_step(builder, graph, caller, step)
            for caller, step in zip(callers, chapter.steps, strict=False)
        ]  # fmt: skip
        builder.add(
            "chapters", milestone=chapter.milestone, title=chapter.title, about=chapter.about,
            thread=chapter.thread, shared=chapter.shared, steps=steps,
        )  # fmt: skip


def _add_step(builder: DocumentBuilder, graph: GraphTables, caller: ChainStep | None, shown: StoryStep) -> int:
    step = shown.step
    pointers = []
    if caller is not None and step.pointer is not None:
        pointer = graph.pointers.get((caller.function, step.function, step.pointer))
        pointers = [] if pointer is None else [pointer]
    return builder.add(
        "steps", function=graph.function(step.function), name=step.function.name, kind=kind_number(step.kind),
        file=step.file, line=step.line, instruction=step.instruction, arguments=shown.arguments, pointers=pointers,
    )  # fmt: skip


def add_sources(builder: DocumentBuilder, recordings: Sequence[Recording]) -> None:
    """Add the recorded source lines, sorted by file and line: consecutive lines of a file are one row."""
    sources: dict[str, dict[int, str]] = {}
    for recording in recordings:
        for file, lines in recording.sources.items():
            sources.setdefault(file, {}).update(lines)
    for file in sorted(sources):
        for first, texts in _excerpts(sources[file]):
            shown = [page_text(text) for text in texts]
            builder.add("sources", file=file, first=first, lines=shown, tokens=token_runs(file, shown))


def _excerpts(lines: dict[int, str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the first line, lines) for each run of consecutive line numbers."""
    first, texts = 0, list[str]()
    for number in sorted(lines):
        if texts and number != first + len(texts):
            yield first, texts
            texts = []
        if not texts:
            first = number
        texts.append(lines[number])
    if texts:
        yield first, texts
