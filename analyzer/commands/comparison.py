"""What `diff` and `baseline` share: options of a comparison, comparing, and writing the result."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from analyzer.adapters.bounded_files import read_bounded
from analyzer.adapters.graphviz import svg_or_reason
from analyzer.commands.parser import (
    Parser,
    add_format_option,
    add_json_option,
    add_out_option,
    path,
    requested_format,
    unknown_suffix_error,
)
from analyzer.console import print_json, print_line, print_text
from analyzer.diff.change import NamedGraph
from analyzer.diff.compare import compare, history_between
from analyzer.diff.imported_stacks import subgraph_of_rows
from analyzer.diff.symbol_history import SymbolHistory, combine_histories, read_history, shipped_history
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.files import write_text
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.reachability_rules import check_rule, parse_rule
from analyzer.policy.allow_list import DEFAULT_FAIL_ON, AllowList, judge, parse_fail_on, read_allow_list
from analyzer.policy.verdict import JudgedDiff, RuleResult, Verdict
from reports.dot.merged_graph import merged_dot
from reports.formats import FORMATS, format_of
from reports.html.render import render_diff
from reports.text.colour import wants_colour
from reports.text.diff import render as text_of
from reports.text.rules import rule_sentence

COMPARISON_EXIT_STATUS = """\
exit status:
  0 no change counts; 1 changes count, or a rule is broken; 2 usage error; 3 could not run, or a part is not
  comparable and no change counts; 129 terminal closed; 130 interrupted;
  143 terminated"""
_EXIT_STATUS = {
    Verdict.SAME: ExitStatus.DONE,
    Verdict.DIFFERS: ExitStatus.DIFFERS,
    Verdict.NOT_COMPARABLE: ExitStatus.COULD_NOT_RUN,
}
FORMAT_NAMES = (*FORMATS, "html")
_MAX_LENGTH = 1 << 20  # characters of an allow-list or a file of names
_WIDTH = 120  # columns of text that is not printed on a terminal


def add_comparison_options(parser: Parser) -> None:
    """Add the options for what is compared, what counts and what is accepted."""
    parser.add_argument(
        "--fail-on",
        metavar="KIND[,KIND]",
        help="kinds of changes that count, of those in analyze diff --help (default: all kinds but the notes)",
    )
    parser.add_argument(
        "--allow",
        type=path,
        metavar="FILE",
        help="allow-list in TOML: accepted changes with their reasons, and rules (default: none; for baseline "
        "allow.toml in DIR, if it exists)",
    )
    parser.add_argument(
        "--names",
        type=path,
        action="append",
        default=[],
        metavar="FILE",
        help="TOML file with renames of functions, and patterns of names that differ only by a number, in "
        "addition to the known ones; may be repeated",
    )
    parser.add_argument(
        "--hits", action="store_true", help="also compare in how many recorded stacks each call is (default: no)"
    )
    parser.add_argument(
        "--kernel",
        action="store_true",
        help="also compare functions of the kernel, for recordings on one host (default: no)",
    )


def add_output_options(parser: Parser) -> None:
    """Add the options for the format of the result and where it is written."""
    add_format_option(parser, FORMAT_NAMES)
    add_json_option(parser)
    add_out_option(parser, "FILE", "write to FILE instead of standard output")
    parser.add_argument(
        "--full", action="store_true", help="text: also print unchanged parts of the chains (default: fold them)"
    )
    parser.add_argument(
        "--color",
        "--colour",
        dest="colour",
        choices=("auto", "always", "never"),
        default="auto",
        help="text: when to use colours (default: auto, on a terminal unless NO_COLOR is set)",
    )


def comparison_terms(options: argparse.Namespace) -> ComparisonTerms:
    """The terms of a comparison, from the parsed options. AnalyzerError for a file that cannot be used."""
    fail_on = DEFAULT_FAIL_ON if options.fail_on is None else parse_fail_on(options.fail_on)
    hits = options.hits or "hits" in fail_on
    return read_comparison_terms(fail_on, options.allow, options.names, kernel=options.kernel, hits=hits)


def output_options(options: argparse.Namespace) -> OutputOptions:
    """How and where to write the result, from the parsed options."""
    return OutputOptions(
        format=chosen_format(requested_format(options), options.out),
        file=options.out,
        colour=options.colour,
        full=options.full,
    )


@dataclass(frozen=True)
class ComparisonTerms:
    """What a comparison compares, counts and accepts."""

    fail_on: frozenset[str] = DEFAULT_FAIL_ON  # kinds of changes that count
    allow: AllowList = field(default_factory=AllowList)
    names: SymbolHistory = field(default_factory=shipped_history)  # known renames
    kernel: bool = False  # whether to compare functions of the kernel
    hits: bool = False  # whether to compare how many stacks contain a call


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How and where to write a comparison; the options `--format`, `-o`, `--color` and `--full`."""

    format: str = "text"
    file: Path | None = None  # None: standard output
    colour: str = "auto"
    full: bool = False


def read_comparison_terms(
    fail_on: frozenset[str], allow: Path | None, names: Iterable[Path], *, kernel: bool = False, hits: bool = False
) -> ComparisonTerms:
    """Read and check the allow-list and the files of names. AnalyzerError for a file that cannot be used."""
    allowed = read_allow_list(_read(allow), str(allow)) if allow else AllowList()
    for must in allowed.must_rules:
        try:
            parse_rule(must.rule)
        except UsageError as error:
            raise AnalyzerError(f"{allow}: {error.message}", error.hint) from None
    history = combine_histories([*(read_history(_read(file), str(file)) for file in names), shipped_history()])
    return ComparisonTerms(fail_on=fail_on, allow=allowed, names=history, kernel=kernel, hits=hits)


def compare_sources(old: NamedGraph, new: NamedGraph, terms: ComparisonTerms) -> JudgedDiff:
    """Compare two graphs, check the rules, and judge the changes by these terms and today's date."""
    diff = compare(old, new, terms.names, terms.kernel, terms.hits)
    rules = tuple(_rule_result(must.rule, must.reason, new.graph) for must in terms.allow.must_rules)
    return judge(diff, rules, terms.allow, terms.fail_on, date.today())


def exit_status(verdict: Verdict) -> ExitStatus:
    """The exit status of `analyze` for a verdict."""
    return _EXIT_STATUS[verdict]


def chosen_format(requested: str | None, file: Path | None) -> str:
    """The format `requested`, else that of the suffix of `file`, else text. UsageError for an unknown suffix."""
    if requested is not None:
        return requested
    if file is None:
        return "text"
    found = "html" if file.suffix.lower() in (".html", ".htm") else format_of(file.name)
    if not found:
        raise unknown_suffix_error(file, [f"--format {'|'.join(FORMAT_NAMES)}"])
    return found


def write_comparison(
    verdict: JudgedDiff, old: NamedGraph, new: NamedGraph, terms: ComparisonTerms, output: OutputOptions
) -> None:
    """Print the comparison; or write it to the file of `output` and print its name.

    AnalyzerError when the file cannot be written.
    """
    write_result(
        _html(verdict, old, new, terms.names) if output.format == "html" else _text(verdict, output), output
    )


def write_result(text: str, output: OutputOptions) -> None:
    """Print the text of a comparison, or write it to the file of `output` and print its name.

    AnalyzerError when the file cannot be written.
    """
    if output.file is None:
        print_result(text, output.format)
    else:
        write_text(output.file, text)
        print_line(output.file)


def text_style(output: OutputOptions) -> tuple[int, bool]:
    """The width of lines in columns, and whether they have colours, for text that is written as `output` says."""
    printed = output.file is None
    colour = wants_colour(sys.stdout, os.environ, output.colour) if printed else output.colour == "always"
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if printed and sys.stdout.isatty() else _WIDTH
    return width, colour


def print_result(text: str, format_name: str) -> None:
    """Print a comparison in this format. Names in it are sanitized: its only control characters are colours."""
    if format_name in ("json", "sarif", "gitlab"):
        print_json(text)
    else:
        print_text(text, colours=format_name == "text")


def _text(verdict: JudgedDiff, output: OutputOptions) -> str:
    if output.format != "text":
        return FORMATS[output.format].render(verdict)
    return text_of(verdict, *text_style(output), output.full)


def _html(verdict: JudgedDiff, old: NamedGraph, new: NamedGraph, names: SymbolHistory) -> str:
    old_graph, new_graph = old.graph, new.graph
    if old.imported or new.imported:
        chains = verdict.diff.chains
        old_graph = subgraph_of_rows(old_graph, ([row.old for row in chain.rows if row.old] for chain in chains))
        new_graph = subgraph_of_rows(new_graph, ([row.new for row in chain.rows if row.new] for chain in chains))
    history = history_between(old, new, names)
    svg, no_drawing = svg_or_reason(merged_dot(old_graph, new_graph, verdict.diff, history))
    return render_diff(verdict, svg, no_drawing)


def _rule_result(rule: str, reason: str, graph: CallGraph) -> RuleResult:
    check = check_rule(parse_rule(rule), graph)
    path = tuple(function.name for function in check.path.functions) if check.path else ()
    return RuleResult(rule, reason, check.outcome, rule_sentence(check), path)


def _read(file: Path) -> str:
    try:
        return read_bounded(file, _MAX_LENGTH, "strict")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AnalyzerError(
            f"{file} cannot be read: {reason}.", "Give a file in TOML; see analyze diff --help."
        ) from None
