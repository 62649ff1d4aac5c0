"""`analyze paths`: which chains of calls lead from one function to another, as text, JSON or a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.commands.parser import (
    INPUT_HELP,
    Parser,
    add_json_option,
    add_out_option,
    format_asked_for,
    input_name,
    options_as,
    positive_int,
)
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.function_patterns import FunctionPattern, parse_pattern, similar_names
from analyzer.graph.paths import PathFinder, PathQuery
from analyzer.inputs import InputKind, check_not_an_input, open_input, say_what_is_missing
from analyzer.model.call_kinds import CallKind
from analyzer.output_folder import write_text
from analyzer.text import number_of, visible
from reports.dot.call_graph import to_dot
from reports.text.paths import PathSearchResult, paths_json, paths_text, subgraph_of_paths

EXAMPLES = """\
  analyze paths graph.json --from main --to 'kvm_.*ioctl'
  analyze paths graph.json --from main --to kvm_cpu_exec --via 'pc_piix:pc_init.*' --not-via accel_init_machine
  analyze paths graph.json --from main --to 'kvm_.*' --kind indirect,unknown --kind thread-start
  analyze paths graph.json --from qemu_init --to '.*' --only-kind direct,inline --shortest
  analyze paths callchain-qemu-7.2.22-startup --from main --to ioctl --recorded -o ioctl.svg

patterns:
  A PATTERN is a regular expression that must match a function's whole name. A name before a colon is the stem
  of the file that defines it, without a folder: 'kvm-all:kvm_.*'; '[kernel]:kvm_.*' is the kernel's.

paths:
  `recorded`: a chain of the graph, to one of its milestones, has the path in one piece. `put together`: each
  call was seen, in different stacks, and the whole may never have happened; such a path passes no function
  twice. Recorded ones come first; of the others first the shortest for each pair of ends.

kinds of calls:
  direct, indirect (through a pointer), call (one of these, not known which), tail, inline, thread-start, signal,
  syscall, kernel, documented, unknown

exit status of paths:
  0 there are paths; 1 there is none, though both ends are in the graph; 2 no regular expression, or no such
  kind; 3 the graph cannot be read, or a pattern matches none of its functions (near names are told)"""
FORMATS: dict[str, Callable[[PathSearchResult], str]] = {
    "text": lambda found: "".join(f"{text}\n" for text in [*paths_text(found), *notes(found)]),
    "json": paths_json,
    "dot": lambda found: to_dot(subgraph_of_paths(found)),
    "svg": lambda found: render_svg(to_dot(subgraph_of_paths(found))),
}
_OF_SUFFIX = {".txt": "text", ".json": "json", ".dot": "dot", ".svg": "svg"}


def add_options(parser: Parser) -> None:
    """Declare the options of `paths`."""
    parser.add_argument(
        "source",
        type=input_name,
        metavar="INPUT",
        help=INPUT_HELP,
    )
    _add_query_options(parser)
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument(
        "--limit", type=positive_int, default=20, metavar="N", help="show the first N paths (default: 20)"
    )
    how_many.add_argument(
        "--all",
        dest="limit",
        action="store_const",
        const=None,
        help="show all; the search is cut off, and says so, when it takes too many steps",
    )
    add_json_option(parser)
    add_out_option(parser, "FILE", "write to FILE instead of standard output: .txt .json .dot .svg")
    parser.usage = "analyze paths INPUT --from PATTERN --to PATTERN [options]"


def _add_query_options(parser: Parser) -> None:
    """What to look for, and how the answer is told."""
    parser.add_argument("--from", dest="start", required=True, metavar="PATTERN", help="where paths begin")
    parser.add_argument("--to", dest="goal", required=True, metavar="PATTERN", help="where they end")
    several = (
        ("--via", "via", "PATTERN", "only paths with such a function on them; again: with that one too, anywhere"),
        ("--not-via", "not_via", "PATTERN", "only paths without such functions, at the ends too; may be repeated"),
        (
            "--kind",
            "kinds",
            "K[,K…]",
            "only paths with a call of one of these kinds; again: with one of those too",
        ),
        ("--only-kind", "only_kinds", "K[,K…]", "only paths all calls of which are of these kinds"),
    )
    for option, name, value, text in several:
        parser.add_argument(option, dest=name, action="append", default=[], metavar=value, help=text)
    parser.add_argument("--recorded", action="store_true", help="only paths that were recorded in one piece")
    parser.add_argument(
        "--shortest",
        action="store_true",
        help="only the shortest for each pair of ends, put together or, with --recorded, seen in one piece",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "dot", "svg"),
        help="default: text, or what the suffix of -o FILE says",
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Print or write the paths; DIFFERS when there is none."""
    form = format_asked_for(options) or output_format(options.out)
    query = make_query(
        options.start, options.goal, options.via, options.not_via, options.kinds, options.only_kinds
    )
    found = find_paths(options.source, query, options_as(PathLimits, options, only_recorded=options.recorded))
    text = FORMATS[form](found)
    if options.out:
        write_answer(text, options.out, options.source)
        print(options.out)
    else:
        print(text, end="")
    for note in notes(found) if form != "text" else ():
        print(f"analyze: {note}", file=sys.stderr)
    if not found.paths:
        print(f"analyze: {nothing_found(found, options.recorded)}", file=sys.stderr)
    return ExitStatus.DONE if found.paths else ExitStatus.DIFFERS


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


def find_paths(source: str, query: PathQuery, wanted: PathLimits) -> PathSearchResult:
    """What the graph or recording answers. AnalyzerError when a pattern matches none of its functions."""
    opened = open_input(source)
    graph = opened.graph
    _check_known(query, graph, opened.name)
    say_what_is_missing([opened], [InputKind.BASELINE])
    finder = PathFinder(graph, query)
    ways = finder.shortest if wanted.shortest else finder.all
    paths = ways(wanted.only_recorded)
    found = list(islice(paths, wanted.limit))
    more = wanted.limit is not None and len(found) == wanted.limit and next(paths, None) is not None
    return PathSearchResult(graph, query, found, more, finder.limit_reached)


def write_answer(text: str, output: Path, source: str) -> None:
    """Write it to `output`; UsageError when that is what was read."""
    check_not_an_input(output, [source])
    write_text(output, text)


def notes(found: PathSearchResult) -> Iterator[str]:
    """What else is to be said about an answer."""
    if found.limit_reached:
        yield "The search was cut off after many steps; there may be more. Ask for less: --shortest, --not-via."
    elif found.more:
        yield f"… and more: {number_of(len(found.paths), 'is', 'are')} shown. See --limit N and --all."
    if not all(path.recorded for path in found.paths):
        yield "What is put together may never have happened in one go; --recorded leaves it out."


def nothing_found(found: PathSearchResult, only_recorded: bool) -> str:
    """Why there is no path, as far as that is known."""
    query = found.query
    ends = visible(f"from {query.start} to {query.goal}")
    if found.limit_reached:
        return f"No path was found {ends} until the search was cut off; there may be one."
    kind = "recorded path" if only_recorded else "path"
    if query == query.unconditional and not only_recorded:
        return f"No path leads {ends} in this graph."
    without = next(PathFinder(found.graph, query.unconditional).all(), None)
    other = "without conditions there is one" if without else "nor is there one without conditions"
    return f"No {kind} that meets the conditions leads {ends}; {other}."


def _kinds(text: str) -> frozenset[CallKind]:
    known = {kind.value for kind in CallKind}
    names = text.split(",")
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{unknown[0]!r} is no kind of call.", f"Kinds are {', '.join(sorted(known))}.")
    return frozenset(map(CallKind, names))


def _check_known(query: PathQuery, graph: CallGraph, name: str) -> None:
    functions = [node.function for node in graph.nodes]
    for pattern in query.patterns:
        if not pattern.matching(functions):
            raise AnalyzerError(visible(f"No function in {name} matches '{pattern}'."), _advice(pattern, graph))


def _advice(pattern: FunctionPattern, graph: CallGraph) -> str:
    alike = similar_names(pattern, graph)
    names = f"It has {', '.join(alike)}. " if alike else ""
    return visible(f"{names}A pattern is a regular expression for the whole name: '.*ioctl', not 'ioctl'.")
