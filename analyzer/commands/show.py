"""`analyze show`: prints the backtraces, pointers, ioctls or accesses of an input, as text or JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from analyzer.commands.parser import INPUT_HELP, Parser, add_json_option, input_name, refuse
from analyzer.console import print_json, print_line, warn
from analyzer.errors import ExitStatus, UsageError
from analyzer.inputs import Input, open_input, print_limitations, streamed
from analyzer.kvm.io_accesses import io_accesses
from analyzer.recording.streamed import StreamedRecording
from reports.json.accesses import accesses_json
from reports.json.backtraces import backtraces_json
from reports.json.chains import chains_json
from reports.json.ioctls import graph_ioctls_json, ioctls_json
from reports.json.pointers import pointers_json
from reports.json.tree import tree_json
from reports.text.backtraces import backtraces, backtraces_of
from reports.text.graph import chains_text, graph_ioctls_text
from reports.text.io_accesses import accesses_text
from reports.text.ioctl_log import ioctl_log_text
from reports.text.pointers import ExplainedCall, pointer_calls, pointer_calls_of_graph, pointers_text
from reports.text.stack_tree import ThreadTree, graph_trees, recording_trees, trees_text

EXAMPLES = """\
  analyze show callchain-qemu-7.2.22-startup
  analyze show callchain-qemu-7.2.22-startup qemu_init_vcpu
  analyze show callchain-qemu-7.2.22-startup kvm_ioctl --all
  analyze show callchain-qemu-7.2.22-startup --pointers --json
  analyze show callchain-qemu-7.2.22-startup --tree
  analyze show callchain-baseline/qemu-7.2-default-debug.txt
  analyze show reference:1.6.0"""

_CUT_SHORT = "the recording is incomplete: it was cut short."


def add_options(parser: Parser) -> None:
    """Add the arguments of `show` to its parser: input, function, what to print."""
    parser.add_argument("source", type=input_name, metavar="INPUT", help=INPUT_HELP)
    parser.add_argument(
        "function",
        nargs="?",
        default="",
        metavar="FUNC",
        help="print only stops in this function or at this milestone, or with --pointers calls by or to it",
    )
    data = parser.add_mutually_exclusive_group()
    data.add_argument(
        "--pointers",
        action="store_true",
        help="print function pointers and the code that set them, instead of backtraces",
    )
    data.add_argument(
        "--ioctls", action="store_true", help="print the ioctls on KVM's descriptors, instead of backtraces"
    )
    data.add_argument(
        "--accesses",
        action="store_true",
        help="print the guest's I/O accesses that analyze io recorded, instead of backtraces",
    )
    data.add_argument(
        "--all",
        action="store_true",
        dest="each",
        help="print each stop (default: equal stacks once, with the number of hits and the first one's time and "
        "arguments)",
    )
    data.add_argument(
        "--tree",
        action="store_true",
        help="print the stacks merged into a tree for each thread, with counts, kinds of calls and pointers",
    )
    add_json_option(parser, "print JSON")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the requested data on standard output, and what the input does not contain on standard error.

    Returns DONE, also when there is nothing to print. UsageError when FUNC is not in the input, AnalyzerError when
    it cannot be read.
    """
    if options.function and (options.ioctls or options.accesses):
        refuse("show", f"{options.function}: only backtraces and --pointers take a function")
    if not (options.json or options.pointers or options.ioctls or options.accesses or options.tree):
        recording = streamed(options.source)
        if recording is not None:
            return _print_backtraces(recording, options)
    source = open_input(options.source)
    if options.json:
        print_json(_json(source, options))
    else:
        for text in _texts(source, options):
            print_line(text)
    print_limitations([source])
    for sentence in _absent_data(source, options):
        warn(sentence)
    return ExitStatus.DONE


def _print_backtraces(recording: StreamedRecording, options: argparse.Namespace) -> ExitStatus:
    """Print the backtraces of a recording file, each once it is read."""
    stops = recording.stops(options.each)
    for text in backtraces_of(stops, recording, recording.header, options.function):
        print_line(text)
    if recording.end is None:
        warn(_CUT_SHORT)
    return ExitStatus.DONE


def _json(source: Input, options: argparse.Namespace) -> str:
    graph, recording = source.graph, source.recording
    if options.pointers:
        return pointers_json(
            _pointer_calls(source, options.function), graph.provenance, recording.notes if recording else ()
        )
    if options.tree:
        return tree_json(_trees(source, options.function), graph.provenance)
    if options.accesses:
        return accesses_json(io_accesses(recording) if recording else [], graph.provenance)
    if recording is None:
        return graph_ioctls_json(graph) if options.ioctls else chains_json(graph, options.function)
    if options.ioctls:
        return ioctls_json(recording, graph.provenance)
    return backtraces_json(recording, graph.provenance, options.function, options.each)


def _texts(source: Input, options: argparse.Namespace) -> Iterable[str]:
    recording = source.recording
    if options.pointers:
        notes = recording.notes if recording else ()
        return (*pointers_text(_pointer_calls(source, options.function)), *(f"Note: {note}" for note in notes))
    if options.tree:
        return trees_text(_trees(source, options.function))
    if options.accesses:
        return accesses_text(recording) if recording else ()
    if recording is None:
        graph = source.graph
        return graph_ioctls_text(graph) if options.ioctls else chains_text(graph, options.function)
    return ioctl_log_text(recording) if options.ioctls else backtraces(recording, options.function, options.each)


def _trees(source: Input, function: str) -> list[ThreadTree]:
    """The trees of the stacks of a recording, or of the chains of a graph. UsageError for an unknown function."""
    if source.recording is None:
        return graph_trees(source.graph, function)
    return recording_trees(source.recording, function)


def _pointer_calls(source: Input, function: str = "") -> Iterable[ExplainedCall]:
    """The calls through pointers; only those by or to `function` when it is given. UsageError for none."""
    calls = pointer_calls_of_graph(source.graph) if source.recording is None else pointer_calls(source.recording)
    if not function:
        return calls
    found = [call for call in calls if function in (call.caller.name, call.callee.name)]
    if found:
        return found
    hint = "All of them: analyze show INPUT --pointers."
    known = {node.function.name for node in source.graph.nodes}
    if function in known:
        raise UsageError(f"No pointer of a call by or to {function} was searched.", hint)
    near = get_close_matches(function, known, n=3)
    raise UsageError(
        f"{function} is in no recorded call.", f"Similar: {', '.join(near)}. {hint}" if near else hint
    )


def _absent_data(source: Input, options: argparse.Namespace) -> Iterator[str]:
    """Sentences about requested data that the input does not contain."""
    recording = source.recording
    if options.ioctls and not (recording.ioctl_log if recording else source.graph.ioctls):
        yield "the ioctls were not recorded."
    if options.accesses and recording is None:
        yield "the guest's accesses are only in a recording of analyze io."
    elif options.accesses and recording is not None and not recording.exits:
        yield "the guest's accesses were not recorded; see analyze io."
    if options.pointers and not any(True for _ in _pointer_calls(source)):
        yield "no function pointers were explained."
    if recording is not None and recording.end is None:
        yield _CUT_SHORT
    elif recording is None and not source.graph.provenance.complete:
        yield "the recording that it was made of is incomplete."
