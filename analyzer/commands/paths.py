"""`analyze paths`: finds the call paths from one function to another, as text, JSON, DOT or SVG."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from analyzer.adapters.graphviz import render_svg
from analyzer.commands.parser import (
    INPUT_HELP,
    Parser,
    add_format_option,
    add_json_option,
    add_out_option,
    input_name,
    options_as,
    positive_int,
    requested_format,
    unknown_suffix_error,
)
from analyzer.console import print_json, print_line, print_text, warn
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.files import write_text
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.function_patterns import FunctionPattern, parse_pattern, similar_names
from analyzer.graph.paths import PathFinder, PathQuery
from analyzer.inputs import InputKind, check_not_an_input, open_input, print_limitations
from analyzer.text import number_of, visible
from gdbscripts.call_kinds import CallKind
from reports.dot.call_graph import to_dot
from reports.text.paths import PathSearchResult, paths_json, paths_text, subgraph_of_paths

EXAMPLES = """\
  analyze paths graph.json --from main --to 'kvm_.*ioctl'
  analyze paths graph.json --from main --to kvm_cpu_exec --via 'pc_piix:pc_init.*' --not-via accel_init_machine
  analyze paths graph.json --from main --to 'kvm_.*' --kind indirect,unknown --kind thread-start
  analyze paths graph.json --from qemu_init --to '.*' --only-kind direct,inline --shortest
  analyze paths callchain-qemu-7.2.22-startup --from main --to ioctl --recorded -o ioctl.svg

patterns:
  A PATTERN is a regular expression that matches the whole name of a function; its syntax is that of RE2, without
  look-around and back-references. A prefix with a colon restricts it to a source file, without folder and suffix:
  'kvm-all:kvm_.*'; '[kernel]:kvm_.*' are functions of the kernel.

paths:
  `recorded`: one recorded chain to a milestone contains the whole path. `combined from several stacks`: its calls
  need not have happened in one stack; such a path contains no function twice. Recorded paths come first, then for
  each pair of first and last function the shortest ones.

kinds of calls:
  direct, indirect (through a pointer), call (direct or indirect), tail, inline, thread-start, signal, syscall,
  kernel, documented, unknown"""
EXIT_STATUS = """\
exit status:
  0 there are paths; 1 there is none, and both patterns match functions of the graph; 2 usage error, such as an
  invalid regular expression; 3 could not run, or a pattern matches no function; 129 terminal closed;
  130 interrupted; 143 terminated"""
FORMATS: dict[str, Callable[[PathSearchResult], str]] = {
    "text": lambda found: "".join(f"{text}\n" for text in [*paths_text(found), *notes_about(found)]),
    "json": paths_json,
    "dot": lambda found: to_dot(subgraph_of_paths(found)),
    "svg": lambda found: render_svg(to_dot(subgraph_of_paths(found))),
}
_FORMAT_OF_SUFFIX = {".txt": "text", ".json": "json", ".dot": "dot", ".svg": "svg"}


def add_options(parser: Parser) -> None:
    """Add the arguments of `paths` to its parser: input, query, limits, output."""
    parser.add_argument(
        "source",
        type=input_name,
        metavar="INPUT",
        help=INPUT_HELP,
    )
    _add_query_options(parser)
    limit = parser.add_mutually_exclusive_group()
    limit.add_argument(
        "--limit", type=positive_int, default=20, metavar="N", help="print the first N paths (default: 20)"
    )
    limit.add_argument(
        "--all",
        dest="limit",
        action="store_const",
        const=None,
        help="print all paths; a search that takes too many steps ends early, and a note says so",
    )
    add_format_option(parser, tuple(FORMATS))
    add_json_option(parser)
    add_out_option(parser, "FILE", "write to FILE instead of standard output: .txt .json .dot .svg")
    parser.usage = "analyze paths INPUT --from PATTERN --to PATTERN [options]"


def _add_query_options(parser: Parser) -> None:
    """Add the options for the paths to look for."""
    parser.add_argument(
        "--from", dest="start", required=True, metavar="PATTERN", help="pattern of the first function of a path"
    )
    parser.add_argument(
        "--to", dest="goal", required=True, metavar="PATTERN", help="pattern of the last function of a path"
    )
    repeatable = (
        ("--via", "via", "PATTERN", "only paths with a function of this pattern; repeated: of each, in any order"),
        ("--not-via", "not_via", "PATTERN", "only paths without a function of this pattern, ends included; may be "
         "repeated"),
        ("--kind", "kinds", "K[,K…]", "only paths with a call of one of these kinds; repeated: of each list"),
        ("--only-kind", "only_kinds", "K[,K…]", "only paths whose calls all have one of these kinds"),
    )  # fmt: skip
    for option, name, value, text in repeatable:
        parser.add_argument(option, dest=name, action="append", default=[], metavar=value, help=text)
    parser.add_argument(
        "--recorded", action="store_true", help="only paths that one recorded chain contains as a whole"
    )
    parser.add_argument(
        "--shortest", action="store_true", help="only the shortest paths for each pair of first and last function"
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the paths; with `-o` write them, and print the name of the file. Notes go to standard error.

    Returns DONE, or DIFFERS when there is no path. UsageError for an invalid pattern or kind, AnalyzerError when
    the input cannot be read or a pattern matches none of its functions.
    """
    format_name = requested_format(options) or format_of_suffix(options.out)
    query = parse_query(options_as(QueryOptions, options))
    result = search_paths(options.source, query, options_as(PathLimits, options, only_recorded=options.recorded))
    text = FORMATS[format_name](result)
    if options.out:
        check_not_an_input(options.out, [options.source])
        write_text(options.out, text)
        print_line(options.out)
    else:
        (print_json if format_name == "json" else print_text)(text)
    for note in notes_about(result) if format_name != "text" else ():
        warn(note)
    if not result.paths:
        warn(no_path_sentence(result, options.recorded))
    return ExitStatus.DONE if result.paths else ExitStatus.DIFFERS


@dataclass(frozen=True, kw_only=True)
class QueryOptions:
    """The options of `paths` that make a query: patterns, and kinds of calls separated by commas."""

    start: str
    goal: str
    via: tuple[str, ...] = ()
    not_via: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    only_kinds: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PathLimits:
    """Which paths of a query to return, and how many; `limit` None: all."""

    limit: int | None
    shortest: bool = False
    only_recorded: bool = False


def parse_query(options: QueryOptions) -> PathQuery:
    """The query of the command line. UsageError for an invalid regular expression or an unknown kind of call."""
    return PathQuery(
        start=parse_pattern(options.start),
        goal=parse_pattern(options.goal),
        via=tuple(map(parse_pattern, options.via)),
        not_via=tuple(map(parse_pattern, options.not_via)),
        kinds=tuple(map(_kinds, options.kinds)),
        only_kinds=frozenset[CallKind]().union(*map(_kinds, options.only_kinds)),
    )


def format_of_suffix(output: Path | None) -> str:
    """The format of the suffix of `output`; text for None. UsageError for an unknown suffix."""
    if output is None:
        return "text"
    if output.suffix not in _FORMAT_OF_SUFFIX:
        raise unknown_suffix_error(output, [*_FORMAT_OF_SUFFIX, "--format"])
    return _FORMAT_OF_SUFFIX[output.suffix]


def search_paths(source: str, query: PathQuery, limits: PathLimits) -> PathSearchResult:
    """The paths in the input called `source`. AnalyzerError when a pattern matches none of its functions."""
    opened = open_input(source)
    graph = opened.graph
    _check_known(query, graph, opened.name)
    print_limitations([opened], [InputKind.BASELINE])
    finder = PathFinder(graph, query)
    search = finder.shortest if limits.shortest else finder.all
    remaining = search(limits.only_recorded)
    paths = list(islice(remaining, limits.limit))
    more = limits.limit is not None and len(paths) == limits.limit and next(remaining, None) is not None
    return PathSearchResult(graph, query, paths, more, finder.limit_reached)


def notes_about(found: PathSearchResult) -> Iterator[str]:
    """Sentences about paths that are not printed, and about combined ones."""
    if found.limit_reached:
        yield "The search ended early, after many steps; there may be more paths. Use --shortest or --not-via."
    elif found.more:
        yield f"… and more: {number_of(len(found.paths), 'is', 'are')} shown. See --limit N and --all."
    if not all(path.recorded for path in found.paths):
        yield "Paths combined from several stacks need not have happened as a whole; --recorded omits them."


def no_path_sentence(found: PathSearchResult, only_recorded: bool) -> str:
    """The sentence for a query without a result: whether the graph, the conditions or the search limit is why."""
    query = found.query
    ends = visible(f"from {query.start} to {query.goal}")
    if found.limit_reached:
        return f"No path {ends} was found before the search ended early; there may be one."
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
