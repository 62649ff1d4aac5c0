"""`analyze redact`: writes a recording without paths, names and secrets, for sharing."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from analyzer.commands.parser import Parser, path
from analyzer.console import print_line
from analyzer.errors import AnalyzerError, ExitStatus
from analyzer.files import write_text
from analyzer.recording.line_decoder import as_dataclass
from analyzer.recording.record_lines import FILE_NAME, read_records
from analyzer.recording.redaction import redacted, redactor_for
from gdbscripts.json_lines import to_line
from gdbscripts.records import Record

EXAMPLES = """\
  analyze redact callchain-qemu-7.2.22-startup shared.jsonl
  analyze redact callchain-qemu-7.2.22-startup shared.jsonl --name acme --name build7"""


def add_options(parser: Parser) -> None:
    """Add the arguments of `redact` to its parser: recording, output, further names."""
    parser.add_argument("source", type=path, metavar="RECORDING", help="an output folder or its recording.jsonl")
    parser.add_argument("out", type=path, metavar="OUT", help="the file to write, such as shared.jsonl")
    parser.add_argument(
        "--name",
        dest="names",
        action="append",
        default=[],
        metavar="WORD",
        help="remove this word too, such as the name of a company; may be repeated. Removed always: users of home "
        "folders in the recording, this user and this host",
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Write the redacted recording and print its name. Returns DONE.

    AnalyzerError when the recording cannot be read, or OUT is it, or cannot be written.
    """
    file = options.source / FILE_NAME if options.source.is_dir() else options.source
    if options.out.exists() and file.exists() and options.out.samefile(file):
        raise AnalyzerError(f"{options.out} is the recording itself.", "Name another file to write.")
    redact_file(file, options.out, options.names)
    print_line(options.out)
    return ExitStatus.DONE


def redact_file(file: Path, out: Path, names: list[str]) -> None:
    """Write the recording `file`, without paths, secrets and `names`, to `out`, which may be the same file.

    AnalyzerError when it cannot be read or written.
    """
    words = [*names, *names_of_this_host()]
    redactor = redactor_for(_records(file), words)
    write_text(out, (to_line(record) for record in redacted(_records(file), redactor)))


def names_of_this_host() -> list[str]:
    """The name of this user, of who called sudo, and of the host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    host = socket.gethostname()
    found = {user, os.environ.get("SUDO_USER", ""), host, host.partition(".")[0]}
    return sorted(name for name in found - {"localhost", "root"} if len(name) > 2)


def _records(file: Path) -> Iterator[Record]:
    try:
        if not file.is_file():
            raise FileNotFoundError(2, "there is no such file")
        with file.open("rb") as stream:
            yield from map(as_dataclass, read_records(stream, str(file)))
    except OSError as error:
        raise AnalyzerError(
            f"{file} cannot be read: {error.strerror}.", "Name an output folder or its recording.jsonl."
        ) from None
