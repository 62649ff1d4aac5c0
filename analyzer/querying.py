"""`analyze paths`, whole: a graph is read and asked, and the answer is put into words, JSON or a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.function_patterns import FunctionPattern, parse_pattern, similar_names
from analyzer.graph.paths import PathFinder, PathQuery
from analyzer.model.call_kinds import CallKind
from analyzer.output_folder import write_text
from analyzer.text import number_of, visible
from analyzer.workflow import check_not_a_source, read_all
from reports.dot.call_graph import to_dot
from reports.text.paths import PathSearchResult, paths_json, paths_text, subgraph_of_paths

FORMATS: dict[str, Callable[[PathSearchResult], str]] = {
    "text": lambda found: "".join(f"{text}\n" for text in [*paths_text(found), *notes(found)]),
    "json": paths_json,
    "dot": lambda found: to_dot(subgraph_of_paths(found)),
    "svg": lambda found: render_svg(to_dot(subgraph_of_paths(found))),
}
_OF_SUFFIX = {".txt": "text", ".json": "json", ".dot": "dot", ".svg": "svg"}


@dataclass(frozen=True)
class PathLimits:
    """How much of the answer is wanted. `limit` None: all of it."""

    limit: int | None
    shortest: bool = False
    only_recorded: bool = False


def make_query(
    start: str,
    goal: str,
    via: Sequence[str],
    not_via: Sequence[str],
    kinds: Sequence[str],
    only_kinds: Sequence[str],
) -> PathQuery:
    """The query of the command line. UsageError when a pattern is no regular expression, or a kind is none."""
    return PathQuery(
        parse_pattern(start),
        parse_pattern(goal),
        tuple(map(parse_pattern, via)),
        tuple(map(parse_pattern, not_via)),
        tuple(map(_kinds, kinds)),
        frozenset[CallKind]().union(*map(_kinds, only_kinds)),
    )


def output_format(output: Path | None) -> str:
    """The format that the suffix of `output` says. UsageError when it says none."""
    if output is None:
        return "text"
    if output.suffix not in _OF_SUFFIX:
        raise UsageError(
            f"{output}: no format is known for {output.suffix or 'a file without suffix'}.",
            f"Use one of {', '.join(_OF_SUFFIX)}, or --format.",
        )
    return _OF_SUFFIX[output.suffix]


def find_paths(source: Path, query: PathQuery, wanted: PathLimits) -> PathSearchResult:
    """What the graph or recording answers. AnalyzerError when a pattern matches none of its functions."""
    _, graph = read_all([source])
    _check_known(query, graph, source)
    finder = PathFinder(graph, query)
    ways = finder.shortest if wanted.shortest else finder.all
    paths = ways(wanted.only_recorded)
    found = list(islice(paths, wanted.limit))
    more = wanted.limit is not None and len(found) == wanted.limit and next(paths, None) is not None
    return PathSearchResult(graph, query, found, more, finder.gave_up)


def write_answer(text: str, output: Path, source: Path) -> None:
    """Write it to `output`; UsageError when that is what was read."""
    check_not_a_source(output, [source])
    write_text(output, text)


def notes(found: PathSearchResult) -> Iterator[str]:
    """What else is to be said about an answer."""
    if found.gave_up:
        yield "The search was cut off after many steps; there may be more. Ask for less: --shortest, --not-via."
    elif found.more:
        yield f"… and more: {number_of(len(found.paths), 'is', 'are')} shown. See --limit N and --all."
    if not all(path.recorded for path in found.paths):
        yield "What is put together may never have happened in one go; --recorded leaves it out."


def nothing_found(found: PathSearchResult, only_recorded: bool) -> str:
    """Why there is no path, as far as that is known."""
    query = found.query
    ends = visible(f"from {query.start} to {query.goal}")
    if found.gave_up:
        return f"No path was found {ends} until the search was cut off; there may be one."
    kind = "recorded path" if only_recorded else "path"
    if query == query.plain and not only_recorded:
        return f"No path leads {ends} in this graph."
    without = next(PathFinder(found.graph, query.plain).all(), None)
    other = "without conditions there is one" if without else "nor is there one without conditions"
    return f"No {kind} that meets the conditions leads {ends}; {other}."


def _kinds(text: str) -> frozenset[CallKind]:
    known = {kind.value for kind in CallKind}
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{unknown[0]!r} is no kind of call.", f"Kinds are {', '.join(sorted(known))}.")
    return frozenset(map(CallKind, names))


def _check_known(query: PathQuery, graph: CallGraph, source: Path) -> None:
    functions = [node.function for node in graph.nodes]
    for pattern in query.patterns:
        if not pattern.among(functions):
            raise AnalyzerError(visible(f"No function in {source} matches '{pattern}'."), _advice(pattern, graph))


def _advice(pattern: FunctionPattern, graph: CallGraph) -> str:
    alike = similar_names(pattern, graph)
    names = f"It has {', '.join(alike)}. " if alike else ""
    return visible(f"{names}A pattern is a regular expression for the whole name: '.*ioctl', not 'ioctl'.")
