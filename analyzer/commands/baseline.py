"""`analyze baseline`: keep what a QEMU does in git, and compare recordings with it."""

from __future__ import annotations

import argparse
import sys
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
    COMPARISON_STATUS,
    ComparisonTerms,
    OutputOptions,
    add_result_options,
    add_terms,
    compare_sources,
    exit_status,
    result_of,
    terms_of,
    write_comparison,
)
from analyzer.commands.parser import INPUT_HELP, Parser, input_name, path, refuse
from analyzer.diff.change import NamedGraph
from analyzer.errors import AnalyzerError, ExitStatus, UsageError
from analyzer.inputs import open_graph
from analyzer.policy.verdict import Verdict
from analyzer.recording.reader import FILE_NAME

BASELINE_EXAMPLES = """\
  analyze baseline update                          write callchain-baseline/ from the output folders here
  analyze baseline check                           compare them with what is there
  analyze baseline check tests/baseline --of out/startup --format github

  A baseline is a small text for each QEMU version, machine type and profile, and for each set of arguments that
  QEMU was given after the --. Commit it; its changes can be read in a pull request. An allow.toml beside the
  baselines is heeded; see analyze diff --help."""
EXAMPLES = f"{BASELINE_EXAMPLES}\n\n{COMPARISON_STATUS}"


def add_options(parser: Parser) -> None:
    """Declare the options of `baseline`."""
    parser.add_argument(
        "what",
        choices=("update", "check"),
        metavar="update|check",
        help="write the baselines, or compare with them",
    )
    parser.add_argument(
        "folder", nargs="?", type=path, default=Path("callchain-baseline"), metavar="DIR",
        help="where they are (default: callchain-baseline)",
    )  # fmt: skip
    parser.add_argument(
        "--of", dest="recordings", action="append", type=input_name, default=[], metavar="INPUT",
        help=f"{INPUT_HELP}; may be repeated, as text only "
        "(default: all output folders here and in out/; then each baseline must have one)",
    )  # fmt: skip
    add_terms(parser)
    add_result_options(parser)


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the baselines, or compare with them."""
    if options.what == "update" and (options.format or options.json or options.out):
        refuse("baseline", "update writes baselines; --format, --json and -o are for check")
    recordings = [open_graph(name) for name in options.recordings] or find_recordings()
    kept = match_baselines(options.folder, recordings)
    if options.what == "update":
        for line in update_baselines(kept):
            print(line)
        return ExitStatus.DONE
    options.allow = options.allow or allow_list_in(options.folder)
    return check(kept, options.folder, terms_of(options), result_of(options), all_of_it=not options.recordings)


def find_recordings() -> list[NamedGraph]:
    """The output folders below the current one, and below `out`; imported backtraces are none of these.

    AnalyzerError when there is none.
    """
    folders = [*Path().glob("*/"), *Path("out").glob("*/")]
    found = sorted(str(folder) for folder in folders if (folder / FILE_NAME).is_file())
    recorded = [source for source in map(open_graph, found) if not source.imported]
    if not recorded:
        raise AnalyzerError(
            "There is no recording here.", "Record one: analyze startup --qemu PATH; or name it with --of."
        )
    return recorded


def check(
    kept: Sequence[BaselineEntry], folder: Path, terms: ComparisonTerms, output: OutputOptions, all_of_it: bool
) -> ExitStatus:
    """Compare each recording with its baseline and tell it; the worst status: differs before not to be compared.

    With `all_of_it` every baseline of the folder is to be compared with: one that is not cannot pass silently.

    AnalyzerError when a recording has none, UsageError when several are to go into one file.
    """
    if len(kept) > 1 and (output.file or output.form != "text"):
        names = ", ".join(each.source.name for each in kept)
        raise UsageError(
            f"One answer for several recordings is text only: {names}.", "Name one of them with --of."
        )
    if missing := next((each for each in kept if not each.baseline.exists()), None):
        raise missing_baseline_error(missing)
    verdicts = set()
    for each in kept:
        old = open_graph(str(each.baseline))
        judged = compare_sources(old, each.source, terms)
        write_comparison(judged, old, each.source, terms, output)
        verdicts.add(judged.verdict)
    for name in baselines_without_recording(folder, kept):
        print(f"analyze: {name} was not compared with: there is no recording for it.", file=sys.stderr)
        verdicts.update([Verdict.NOT_COMPARABLE] if all_of_it else [])
    worst_first = (Verdict.DIFFERS, Verdict.NOT_COMPARABLE, Verdict.SAME)
    return exit_status(next(verdict for verdict in worst_first if verdict in verdicts))
