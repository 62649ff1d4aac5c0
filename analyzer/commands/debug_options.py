"""The options of the verbs that need the debug information of a stripped QEMU."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from analyzer.commands.parser import Parser, folder, path, positive

DOWNLOAD_TIMEOUT = 600.0  # seconds for one debug file; that of QEMU has a hundred MiB or more


@dataclass(frozen=True, kw_only=True)
class DebugOptions:
    """Where the user has debug information, and whether a debuginfod server may be asked.

    `debuginfod` is None without --debuginfod and --no-debuginfod. `debuginfod_timeout` is in seconds.
    """

    debug_file: Path | None = None
    debug_directories: tuple[Path, ...] = ()
    debuginfod: bool | None = None
    debuginfod_timeout: float = DOWNLOAD_TIMEOUT
    yes: bool = False


def add_debug_file_options(parser: Parser) -> None:
    """Add `--debug-file` and `--debug-directory` to a verb that reads the symbols of a QEMU."""
    parser.add_argument(
        "--debug-file",
        type=path,
        metavar="PATH",
        help="separate debug file of a stripped QEMU (default: found by build-id and .gnu_debuglink, beside QEMU "
        "and below /usr/lib/debug)",
    )
    parser.add_argument(
        "--debug-directory",
        dest="debug_directories",
        action="append",
        type=folder,
        default=[],
        metavar="DIR",
        help="folder to search for separate debug files too, laid out as /usr/lib/debug; may be repeated",
    )


def add_debuginfod_options(parser: Parser, yes: str = "download from debuginfod without a question") -> None:
    """Add `--debuginfod`, its time limit and `--yes`, with the help `yes`, to a verb that may download debug
    information."""
    parser.add_argument(
        "--debuginfod",
        action=argparse.BooleanOptionalAction,
        help="download missing debug information, and source files for the report, from the servers in "
        "DEBUGINFOD_URLS or /etc/debuginfod (default: ask on a terminal)",
    )
    parser.add_argument(
        "--debuginfod-timeout",
        type=positive,
        default=DOWNLOAD_TIMEOUT,
        metavar="S",
        help=f"seconds that the download of a debug file may take (default: {DOWNLOAD_TIMEOUT:g})",
    )
    parser.add_argument("--yes", action="store_true", help=yes)
