"""`analyze open`: opens the report of an output folder in the web browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from analyzer.adapters.browser import open_page
from analyzer.commands.parser import Parser, path
from analyzer.commands.write_results import REPORT_NAME
from analyzer.console import print_line, warn
from analyzer.errors import AnalyzerError, ExitStatus

EXAMPLES = """\
  analyze open                                  the newest report of the folders callchain-* here
  analyze open callchain-qemu-7.2.22-startup
  analyze open diff.html"""
_FOLDERS = "callchain-*"  # the default names of output folders


def add_options(parser: Parser) -> None:
    """Add the arguments of `open` to its parser."""
    parser.add_argument(
        "folder",
        nargs="?",
        type=path,
        metavar="FOLDER",
        help=f"an output folder, or a page (default: the one of {_FOLDERS} here with the newest report)",
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the path of the report, and open it in the browser; say so when there is none.

    Returns DONE, also without a browser. AnalyzerError when there is no report.
    """
    page = _page(options.folder) if options.folder is not None else _newest()
    print_line(page.resolve())
    if not open_page(page):
        warn("no web browser was found; open that file in one, or name a browser in $BROWSER.")
    return ExitStatus.DONE


def _page(named: Path) -> Path:
    page = named / REPORT_NAME if named.is_dir() else named
    if not page.exists():
        hint = f"Write it: analyze report {named}." if named.is_dir() else "Name an output folder or a page."
        raise AnalyzerError(f"There is no report {page}.", hint)
    return page


def _newest() -> Path:
    pages = list(Path().glob(f"{_FOLDERS}/{REPORT_NAME}"))
    if not pages:
        raise AnalyzerError(
            f"No folder {_FOLDERS} here has a report.", "Name the output folder, or record one: analyze startup."
        )
    return max(pages, key=lambda page: page.stat().st_mtime)
