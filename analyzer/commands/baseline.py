"""`analyze baseline`: writes the call chains of recordings as baselines for git, and compares with them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from analyzer.baselines.store import (
    BaselineEntry,
    allow_list_in,
    baselines_without_recording,
    match_baselines,
    missing_baseline_error,
    update_baselines,
)
from analyzer.commands.comparison import (
    COMPARISON_EXIT_STATUS,
    ComparisonTerms,
    OutputOptions,
    add_comparison_options,
    add_output_options,
    compare_sources,
    comparison_terms,
    exit_status,
    output_options,
    write_comparison,
)
from analyzer.commands.parser import INPUT_HELP, Parser, input_name, path, refuse
from analyzer.console import print_line, warn
from analyzer.diff.change import NamedGraph
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.inputs import open_graph
from analyzer.policy.verdict import Verdict
from analyzer.recording.reader import FILE_NAME

EXAMPLES = """\
  analyze baseline update                          write callchain-baseline/ from the output folders here
  analyze baseline check                           compare the output folders here with it
  analyze baseline check tests/baseline --of out/startup --format github

  A baseline is a text file for each QEMU version, machine type and profile, and for each set of QEMU arguments.
  Commit it: its changes can be read in a pull request. For the kinds of changes and the allow-list see
  analyze diff --help."""
EXIT_STATUS = COMPARISON_EXIT_STATUS


def add_options(parser: Parser) -> None:
    """Add the arguments of `baseline` to its parser: action, folder, recordings, comparison."""
    parser.add_argument(
        "what",
        choices=("update", "check"),
        metavar="update|check",
        help="update: write the baselines; check: compare with them",
    )
    parser.add_argument(
        "folder", nargs="?", type=path, default=Path("callchain-baseline"), metavar="DIR",
        help="folder of the baselines (default: callchain-baseline)",
    )  # fmt: skip
    parser.add_argument(
        "--of", dest="recordings", action="append", type=input_name, default=[], metavar="INPUT",
        help=f"recording to write or to compare: {INPUT_HELP}; may be repeated, when the result is text on "
        "standard output (default: output folders here and in out/; check then requires one for each baseline)",
    )  # fmt: skip
    add_comparison_options(parser)
    add_output_options(parser)


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the baselines, and print a line for each; or compare recordings with them, and print each result.

    Returns the exit status of `check`, DONE for an update. UsageError for options that `update` has not, and when
    two recordings have one baseline; AnalyzerError when a recording cannot be read, is incomplete (update) or has
    no baseline (check).
    """
    if options.what == "update" and (options.format or options.json or options.out):
        refuse("baseline", "update writes baselines; --format, --json and -o are for check")
    recordings = [open_graph(name) for name in options.recordings] or find_recordings()
    entries = match_baselines(options.folder, recordings)
    if options.what == "update":
        for line in update_baselines(entries):
            print_line(line)
        return ExitStatus.DONE
    options.allow = options.allow or allow_list_in(options.folder)
    terms, output = comparison_terms(options), output_options(options)
    return check(entries, options.folder, terms, output, require_all=not options.recordings)


def find_recordings() -> list[NamedGraph]:
    """The recordings in folders of the current folder and of `out`, without imported backtraces.

    AnalyzerError when there is none.
    """
    folders = [*Path().glob("*/"), *Path("out").glob("*/")]
    found = sorted(str(folder) for folder in folders if (folder / FILE_NAME).is_file())
    recorded = [source for source in map(open_graph, found) if not source.imported]
    if not recorded:
        raise AnalyzerError(
            "No output folder with a recording is here or in out/.",
            "Record one: analyze startup --qemu PATH; or name it with --of.",
        )
    return recorded


def check(
    entries: Sequence[BaselineEntry],
    folder: Path,
    terms: ComparisonTerms,
    output: OutputOptions,
    require_all: bool,
) -> ExitStatus:
    """Compare each recording with its baseline, and print or write each comparison.

    Returns the worst exit status: DIFFERS, then COULD_NOT_RUN (not comparable), then DONE. With `require_all` a
    baseline in `folder` without a recording counts as not comparable. AnalyzerError when a recording has no
    baseline, UsageError when several comparisons are requested in one file or in another format than text.
    """
    if len(entries) > 1 and (output.file or output.format != "text"):
        names = ", ".join(each.source.name for each in entries)
        raise UsageError(
            f"Several recordings are compared: {names}; only text on standard output has room for all.",
            "Name one of them with --of.",
        )
    if missing := next((each for each in entries if not each.baseline.exists()), None):
        raise missing_baseline_error(missing)
    verdicts = set()
    for each in entries:
        old = open_graph(str(each.baseline))
        judged = compare_sources(old, each.source, terms)
        write_comparison(judged, old, each.source, terms, output)
        verdicts.add(judged.verdict)
    for name in baselines_without_recording(folder, entries):
        warn(f"{name} was not compared: it has no recording.")
        verdicts.update([Verdict.NOT_COMPARABLE] if require_all else [])
    worst_first = (Verdict.DIFFERS, Verdict.NOT_COMPARABLE, Verdict.SAME)
    return exit_status(next(verdict for verdict in worst_first if verdict in verdicts))
