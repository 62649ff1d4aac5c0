"""What the tests of the importer share: text in, chains out."""

from __future__ import annotations

from textwrap import dedent

from analyzer.graph.chain import whole_chain
from analyzer.graph.merge import graph_of
from analyzer.imports.reading import recording_from_text
from analyzer.model import Recording
from analyzer.show import backtraces
from tests.notation import as_text


def imported(text: str, text_format: str = "") -> Recording:
    """The recording of a text; its graph keeps its invariants."""
    recording = recording_from_text(dedent(text).splitlines(keepends=True), "pasted.txt", text_format)
    graph_of(recording).check()
    return recording


def chains_in(text: str, text_format: str = "") -> list[str]:
    """The chains of its stacks in the notation."""
    recording = imported(text, text_format)
    return [as_text(whole_chain(stop, recording)) for stop in recording.stops]


def unread(recording: Recording) -> list[str]:
    """The notes on lines that could not be read."""
    return [note for note in recording.notes if "could not be read" in note]


def shown(recording: Recording) -> str:
    """All that `analyze show` prints."""
    return "\n".join(backtraces(recording))
