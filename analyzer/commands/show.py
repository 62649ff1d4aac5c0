"""`analyze show`: print what a recording holds as text."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from analyzer.commands.parser import Parser, path
from analyzer.errors import ExitStatus
from analyzer.inputs import open_recording
from analyzer.model.recording import Recording
from reports.text.backtraces import backtraces
from reports.text.io_accesses import accesses_text
from reports.text.ioctl_log import ioctl_log_text
from reports.text.pointers import pointers_text

EXAMPLES = """\
  analyze show callchain-qemu-7.2.22-startup
  analyze show callchain-qemu-7.2.22-startup qemu_init_vcpu
  analyze show callchain-qemu-7.2.22-startup --pointers
  analyze show reference:1.6.0"""


def add_options(parser: Parser) -> None:
    """Declare the options of `show`."""
    parser.add_argument("recording", type=path, metavar="RECORDING", help="a recording.jsonl or its folder")
    parser.add_argument(
        "function", nargs="?", default="", metavar="FUNC", help="only stops in this function or at this milestone"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--pointers", action="store_true", help="who set the function pointers, instead")
    instead.add_argument("--ioctls", action="store_true", help="every ioctl on KVM's descriptors, instead")
    instead.add_argument("--accesses", action="store_true", help="the guest's accesses (of analyze io), instead")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print what was asked for; what the recording does not have is said on standard error."""
    recording = open_recording(options.recording)
    for text in _shown(recording, options):
        print(text)
    if options.ioctls and not recording.ioctl_log:
        print("analyze: the ioctls were not recorded.", file=sys.stderr)
    if options.accesses and not recording.exits:
        print("analyze: the guest's accesses were not recorded; see analyze io.", file=sys.stderr)
    if options.pointers:
        for note in recording.notes:
            print(f"Note: {note}")
    if options.pointers and not recording.pointers:
        print("analyze: no function pointers were looked into.", file=sys.stderr)
    if recording.end is None:
        print("analyze: this recording was cut short: it has no end.", file=sys.stderr)
    return ExitStatus.DONE


def _shown(recording: Recording, options: argparse.Namespace) -> Iterator[str]:
    if options.accesses:
        return accesses_text(recording)
    if options.pointers:
        return pointers_text(recording)
    return ioctl_log_text(recording) if options.ioctls else backtraces(recording, options.function)
