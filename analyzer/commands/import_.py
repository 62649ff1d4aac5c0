"""`analyze import`: converts the text of backtraces into an output folder like that of a recorded run."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.cxxfilt import demangle
from analyzer.adapters.text_lines import open_lines
from analyzer.backtraces.formats import FORMATS
from analyzer.backtraces.importer import ImportedText, import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.commands.parser import Parser, add_out_option, options_as
from analyzer.console import print_line, warn
from analyzer.errors import ExitStatus
from analyzer.model.recording import Recording
from analyzer.output_folder import check_free, locked_folder, prepare_folder, remove_previous
from analyzer.recording.reader import FILE_NAME
from analyzer.text import number_of
from gdbscripts.json_lines import to_line
from gdbscripts.safe_files import append

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


EXAMPLES = """\
  analyze import backtrace.txt
  analyze import - --name bug-1234      paste the text, then press Ctrl-D
  perf script | analyze import - --name busy
  dmesg | analyze import - --name oops --format kernel"""


def add_options(parser: Parser) -> None:
    """Add the arguments of `import` to its parser: the text, its format, the output folder."""
    parser.add_argument(
        "source",
        metavar="FILE|-",
        help="text of backtraces, of gdb, lldb, perf script, the kernel's log and others; - is standard input",
    )
    parser.add_argument(
        "--format",
        dest="text_format",
        choices=tuple(FORMATS),
        default="",
        metavar="FORMAT",
        help=f"format of the text (default: detected from its first lines): {', '.join(FORMATS)}",
    )
    add_out_option(parser, "DIR", "output folder (default: callchain-import-NAME)")
    parser.add_argument("--force", action="store_true", help="replace an earlier recording in the output folder")
    parser.add_argument(
        "--name", default="", metavar="TEXT", help="name of the recording (default: the name of the file)"
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Import the text, write the output folder, and print counts, notes and the path of the report.

    Unread lines are reported on standard error. Returns DONE. AnalyzerError when the text contains no backtrace,
    or the folder contains a recording and `--force` is missing.
    """
    return import_file(options_as(ImportOptions, options))


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """The options of `import`; "" and None stand for their defaults."""

    source: str
    text_format: str
    out: Path | None
    force: bool
    name: str


def import_file(options: ImportOptions) -> ExitStatus:
    """Import the text, write the output folder and print the counts; returns DONE. AnalyzerError as `run`."""
    name = options.name or ("standard input" if options.source == "-" else Path(options.source).name)
    folder = options.out or Path(f"callchain-import-{_folder_name(name)}")
    check_free(folder, options.force)
    with open_lines(options.source) as lines:
        imported = import_text(lines, ImportOrigin(name), options.text_format, demangle=demangle)
    if imported.unread.count:
        warn(imported.unread.sentence())
    recording, no_drawing = _write(imported, folder, options.force)
    if no_drawing:
        warn(no_drawing)
    print_line(_summary(name, imported, recording))
    messages = (imported.cut, imported.shortened, imported.omitted, imported.other_format, imported.mangled)
    for sentence in filter(None, messages):
        print_line(sentence)
    print_line(f"Report: {folder / 'report.html'}")
    return ExitStatus.DONE


def _folder_name(name: str) -> str:
    stem = name.rpartition(".")[0] or name
    return _NOT_IN_A_NAME.sub("-", stem).strip("-.")[:100] or "text"


def _write(imported: ImportedText, folder: Path, force: bool) -> tuple[Recording, str]:
    from analyzer.commands.write_results import write_results

    with locked_folder(folder):
        prepare_folder(folder, force)
        with append(str(folder / FILE_NAME)) as file:
            file.writelines(map(to_line, imported.records))
        imported.records.clear()  # frees memory: write_results reads the file
        results = write_results(folder)
        remove_previous(folder)
    return results


def _summary(name: str, imported: ImportedText, recording: Recording) -> str:
    functions = {f.function for stop in recording.stops for f in stop.frames if not f.is_unknown}
    repeated = imported.stacks > len(recording.stops) and not imported.omitted
    counted = [
        number_of(imported.stacks, "stack"),
        *([f"{len(recording.stops)} of them different"] if repeated else []),
        number_of(len(recording.threads), "thread"),
        number_of(len(functions), "function"),
    ]
    unread = imported.unread.count
    rest = f"{number_of(unread, 'line')} could not be read" if unread else "every line was read"
    return f"{name}, read as {imported.format}: {', '.join(counted)}; {rest}."
