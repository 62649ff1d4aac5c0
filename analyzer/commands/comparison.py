"""What `diff` and `baseline` share: options of a comparison, comparing, and writing the result."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from analyzer.adapters.graphviz import svg_or_reason
from analyzer.commands.parser import Parser, add_json_option, add_out_option, format_asked_for, path
from analyzer.console import print_text
from analyzer.diff.change import NamedGraph
from analyzer.diff.compare import compare, history_between
from analyzer.diff.imported_stacks import subgraph_of_rows
from analyzer.diff.symbol_history import SymbolHistory, combine_histories, read_history, shipped_history
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.rules import check_rule, parse_rule
from analyzer.output_folder import write_text
from analyzer.policy.allow_list import DEFAULT_FAIL_ON, AllowList, judge, parse_fail_on, read_allow_list
from analyzer.policy.verdict import JudgedDiff, RuleResult, Verdict
from reports.dot.merged_graph import merged_dot
from reports.formats import FORMATS, format_of
from reports.html.render import render_diff
from reports.text.colour import wants_colour
from reports.text.diff import render as text_of
from reports.text.rules import rule_sentence

COMPARISON_STATUS = """\
exit status of a comparison:
  0 the same; 1 it differs, or a rule is broken; 2 usage; 3 something could not be compared, and nothing differs"""
_EXIT_STATUS = {
    Verdict.SAME: ExitStatus.DONE,
    Verdict.DIFFERS: ExitStatus.DIFFERS,
    Verdict.NOT_COMPARABLE: ExitStatus.COULD_NOT_RUN,
}
FORMS = (*FORMATS, "html")
_WIDTH = 120  # columns of what goes to no terminal


def add_terms(parser: Parser) -> None:
    """What counts and what is accepted."""
    parser.add_argument(
        "--fail-on", metavar="KIND[,KIND]", help="kinds of changes that count (default: see below)"
    )
    parser.add_argument(
        "--allow", type=path, metavar="FILE", help="accepted changes with their reasons, and rules"
    )
    parser.add_argument(
        "--names", type=path, action="append", default=[], metavar="FILE",
        help="names that are the same but for a number, and renames, besides those known; may be repeated",
    )  # fmt: skip
    parser.add_argument("--hits", action="store_true", help="tell how often calls were recorded, too")
    parser.add_argument(
        "--kernel", action="store_true", help="compare the kernel's functions too: on one host only"
    )


def add_result_options(parser: Parser) -> None:
    """In which form and where the answer is told."""
    parser.add_argument("--format", choices=FORMS, help="default: text, or what the suffix of -o FILE says")
    add_json_option(parser)
    add_out_option(parser, "FILE", "write to FILE instead of standard output")
    parser.add_argument("--full", action="store_true", help="fold nothing away")
    parser.add_argument(
        "--color", "--colour", dest="colour", choices=("auto", "always", "never"), default="auto",
        help="default: on a terminal, unless NO_COLOR is set",
    )  # fmt: skip


def terms_of(options: argparse.Namespace) -> ComparisonTerms:
    """The terms that the options ask for, their files read and checked."""
    fail_on = DEFAULT_FAIL_ON if options.fail_on is None else parse_fail_on(options.fail_on)
    return read_comparison_terms(
        fail_on, options.allow, tuple(options.names), options.kernel, options.hits or "hits" in fail_on
    )


def result_of(options: argparse.Namespace) -> OutputOptions:
    """How and where the result is wanted."""
    return OutputOptions(
        form=output_format(format_asked_for(options), options.out),
        file=options.out,
        colour=options.colour,
        full=options.full,
    )


@dataclass(frozen=True)
class ComparisonTerms:
    """What counts, what is accepted and what is known of names."""

    fail_on: frozenset[str] = DEFAULT_FAIL_ON
    allow: AllowList = field(default_factory=AllowList)
    names: SymbolHistory = field(default_factory=shipped_history)
    kernel: bool = False
    hits: bool = False


@dataclass(frozen=True)
class OutputOptions:
    """How and where a verdict is told; `colour` as `--color`."""

    form: str = "text"
    file: Path | None = None
    colour: str = "auto"
    full: bool = False


def read_comparison_terms(
    fail_on: frozenset[str], allow: Path | None, names: tuple[Path, ...], kernel: bool = False, hits: bool = False
) -> ComparisonTerms:
    """The terms, their files read and checked. AnalyzerError for a file that cannot be used."""
    allowed = read_allow_list(_read(allow), str(allow)) if allow else AllowList()
    for must in allowed.must_rules:
        try:
            parse_rule(must.rule)
        except UsageError as error:
            raise AnalyzerError(f"{allow}: {error.message}", error.hint) from None
    known = combine_histories([*(read_history(_read(file), str(file)) for file in names), shipped_history()])
    return ComparisonTerms(fail_on, allowed, known, kernel, hits)


def compare_sources(old: NamedGraph, new: NamedGraph, terms: ComparisonTerms) -> JudgedDiff:
    """The comparison, and what it means under these terms today."""
    diff = compare(old, new, terms.names, terms.kernel, terms.hits)
    rules = tuple(_checked(must.rule, must.reason, new.graph) for must in terms.allow.must_rules)
    return judge(diff, rules, terms.allow, terms.fail_on, date.today())


def exit_status(verdict: Verdict) -> ExitStatus:
    """The exit status of a comparison with that verdict."""
    return _EXIT_STATUS[verdict]


def output_format(form: str | None, file: Path | None) -> str:
    """The format asked for, or the one the file's name stands for. UsageError when it stands for none."""
    if form is not None:
        return form
    if file is None:
        return "text"
    found = "html" if file.suffix.lower() in (".html", ".htm") else format_of(file.name)
    if not found:
        raise UsageError(f"{file}: no format is known for this name.", f"Name one: --format {'|'.join(FORMS)}.")
    return found


def write_comparison(
    verdict: JudgedDiff, old: NamedGraph, new: NamedGraph, terms: ComparisonTerms, output: OutputOptions
) -> None:
    """Write the verdict into the file, or print it. AnalyzerError when the file cannot be written."""
    text = _html(verdict, old, new, terms.names) if output.form == "html" else _text(verdict, output)
    if output.file is None:
        print_text(text)
    else:
        write_text(output.file, text)
        print(output.file)


def _text(verdict: JudgedDiff, output: OutputOptions) -> str:
    if output.form != "text":
        return FORMATS[output.form].render(verdict)
    on_screen = output.file is None
    colour = wants_colour(sys.stdout, os.environ, output.colour) if on_screen else output.colour == "always"
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if on_screen and sys.stdout.isatty() else _WIDTH
    return text_of(verdict, width, colour, output.full)


def _html(verdict: JudgedDiff, old: NamedGraph, new: NamedGraph, names: SymbolHistory) -> str:
    before, now = old.graph, new.graph
    if old.imported or new.imported:
        chains = verdict.diff.chains
        before = subgraph_of_rows(before, ([row.old for row in chain.rows if row.old] for chain in chains))
        now = subgraph_of_rows(now, ([row.new for row in chain.rows if row.new] for chain in chains))
    svg, missing = svg_or_reason(merged_dot(before, now, verdict.diff, history_between(old, new, names)))
    return render_diff(verdict, svg, missing)


def _checked(rule: str, reason: str, graph: CallGraph) -> RuleResult:
    check = check_rule(parse_rule(rule), graph)
    path = tuple(function.name for function in check.path.functions) if check.path else ()
    return RuleResult(rule, reason, check.outcome, rule_sentence(check), path)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise AnalyzerError(f"{file} cannot be read: {reason}.") from None
