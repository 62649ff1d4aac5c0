"""`analyze bisect`: builds and records the checked-out commit, and exits with a status for `git bisect run`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path, PurePath

from analyzer.adapters.debug_files import DebugPlaces, find_debug_files
from analyzer.adapters.elf import ProgramNotFoundError, function_names
from analyzer.adapters.gdb import Gdb
from analyzer.adapters.git import commit_in
from analyzer.adapters.process import run_in_shell
from analyzer.adapters.qemu import NoDebugInfoError, QemuFacts, examine
from analyzer.build.configure_and_make import BuildFailedError
from analyzer.build.provenance import provenance_of
from analyzer.commands.build import BuildOptions, build_from_options
from analyzer.commands.debug_options import add_debug_file_options
from analyzer.commands.parser import (
    INPUT_HELP,
    Parser,
    add_accelerator_option,
    add_guest_option,
    add_timeout_option,
    options_as,
    path,
    refuse,
)
from analyzer.commands.record_and_report import check_before_recording
from analyzer.commands.write_results import write_results
from analyzer.console import Console
from analyzer.diff.change import NamedGraph
from analyzer.diff.symbol_history import shipped_history
from analyzer.errors import AnalyzerError
from analyzer.files import scratch_folder
from analyzer.graph.call_graph import CallGraph, MissedMilestone, Provenance
from analyzer.graph.merge import graph_of
from analyzer.graph.qemu_arguments import arguments_of, machine_of
from analyzer.graph.reachability_rules import Rule, parse_rule
from analyzer.inputs import open_graph
from analyzer.model.frames import without_compiler_suffix
from analyzer.output_folder import keep_if_useful, locked_folder, prepare_folder
from analyzer.policy.bisect_decision import (
    BisectAnswer,
    BisectDecision,
    NothingRecorded,
    check_milestones,
    check_same_start,
    combine_decisions,
    decide_by_chains,
    decide_by_rule,
)
from analyzer.recording.guest import Guest
from analyzer.recording.progress import RecordingReporter
from analyzer.recording.reader import read_recording
from analyzer.recording.request import RecordingOptions, RecordingRequest
from analyzer.recording.scenarios import load_scenario
from analyzer.recording.session import QemuEndedError, record
from reports.text.bisect import decision_sentence

EXAMPLES = """\
  git bisect start BAD GOOD
  git bisect run analyze bisect --build 'ninja -C build' --qemu build/qemu-system-x86_64 \\
      --rule 'main must reach kvm_arch_init_vcpu'
  git bisect run analyze bisect --source . --like good/graph.json --chain init-vcpu

rules:
  A must reach B, A must not reach B; via C, not via C, only via C. The functions of a rule are recorded in
  addition to the milestones. A commit whose program lacks a function of a rule is skipped, unless the rule
  says that it must not be reached."""
EXIT_STATUS = """\
exit status, for git bisect run:
  0 good; 1 bad; 125 skip: the commit does not build, cannot be recorded, or does not decide the rule;
  129 abort: the options or the host are wrong, which would fail for every commit; 130 interrupted;
  143 terminated. A closed terminal aborts, too, with 129"""
_NAME = re.compile(r"[A-Za-z_]\w*")
_ALWAYS_RECORDED = ("main",)  # every recording stops there; a rule need not request it
_SCENARIO = "startup"
_GUEST_SECONDS = 3.0  # seconds that a guest of the user runs after the last milestone
_STOPS_PER_FUNCTION = 100  # stops at each function of a rule, at most
_SHELL_CANNOT_START = (126, 127)  # exit statuses of the shell
_SILENT_REPORTER = RecordingReporter(lambda: None, lambda _: None, lambda *_: None, lambda *_: None)


class BisectStatus(IntEnum):
    """Exit statuses of git-bisect(1). Any other below 128 means bad, so `cli` exits with 129 on errors."""

    GOOD = 0
    BAD = 1
    SKIP = 125


def add_options(parser: Parser) -> None:
    """Add the options of `bisect` to its parser: what to build, the question, and how to record."""
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument(
        "--qemu", type=path, metavar="PATH",
        help="QEMU that is built from the commit: a qemu-system-x86_64 with debug information",
    )  # fmt: skip
    program.add_argument(
        "--source", type=path, metavar="DIR", help="build this source tree, as analyze build --source does"
    )
    parser.add_argument(
        "--build", default="", metavar="COMMAND", help="with --qemu: shell command that builds it (default: none)"
    )
    parser.add_argument(
        "--profile", choices=("debug", "release"), default="debug",
        help="with --source: profile of the build, see analyze build --help (default: debug)",
    )  # fmt: skip
    parser.add_argument(
        "--rule", dest="rules", action="append", default=[], metavar="SENTENCE",
        help="a commit is good when this rule holds: 'main must reach kvm_init'; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--like",
        default="",
        metavar="INPUT",
        help=f"a commit is good when its chains equal those of this input: {INPUT_HELP}",
    )
    parser.add_argument(
        "--chain", dest="chains", action="append", default=[], metavar="MILESTONE",
        help="with --like: compare the chain of this milestone only; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--reverse", action="store_true", help="swap good and bad, to find the commit that fixed something"
    )
    add_debug_file_options(parser)
    add_guest_option(parser)
    add_accelerator_option(parser)
    parser.add_argument(
        "--pointers", action="store_true", help="also find the code that sets function pointers (default: no)"
    )
    parser.add_argument(
        "--keep", type=path, metavar="DIR",
        help="write the recording and report of each commit into a folder in DIR (default: keep none)",
    )  # fmt: skip
    add_timeout_option(parser)
    parser.usage = "analyze bisect (--qemu PATH [--build COMMAND] | --source DIR) [options] [-- QEMU ARGS…]"


def run(options: argparse.Namespace) -> BisectStatus:
    """Build, record and judge the checked-out commit, and print one line: the answer, commit and reason.

    Returns GOOD, BAD or SKIP. UsageError and AnalyzerError make `cli` exit with 129, which aborts the bisection.
    """
    _check_options(options)
    recording_options = options_as(
        RecordingOptions,
        options,
        linger=_GUEST_SECONDS,
        break_limit=_STOPS_PER_FUNCTION,
        ioctls=False,
        qemu_arguments=options.passed_on,
    )
    return bisect(options_as(BisectOptions, options, recording=recording_options))


def _check_options(options: argparse.Namespace) -> None:
    """Raise UsageError when options are missing or contradict each other."""
    if not options.rules and not options.like:
        refuse("bisect", "bisect needs a question: --rule SENTENCE or --like INPUT")
    if options.chains and not options.like:
        refuse("bisect", "--chain selects chains of --like INPUT, which is missing")
    if options.source is not None and options.build:
        refuse("bisect", "--build is for --qemu: --source needs no build command")


@dataclass(frozen=True, kw_only=True)
class BisectOptions:
    """The options of `bisect`, as given on the command line."""

    recording: RecordingOptions
    qemu: Path | None = None
    build: str = ""  # shell command
    source: Path | None = None
    profile: str = "debug"
    rules: tuple[str, ...] = ()
    like: str = ""  # name of an input, "" without one
    chains: tuple[str, ...] = ()  # names of milestones
    reverse: bool = False
    keep: Path | None = None
    debug_file: Path | None = None
    debug_directories: tuple[Path, ...] = ()


class _CannotJudgeError(Exception):
    """This commit cannot be judged, other commits may be: skip it. Its text is the reason."""


def bisect(options: BisectOptions) -> BisectStatus:
    """Build, record and judge the checked-out commit, and print one line.

    Raises AnalyzerError for a problem that every commit would have (options, host, gdb): it aborts the bisection.
    """
    question = _BisectQuestion.of(options)
    guest = check_before_recording(options.recording)
    if question.like is not None:
        check_same_start(question.like, _expected_provenance(guest, options))
    with Gdb() as gdb:
        assert gdb.facts  # raises when gdb is unusable, before anything is built
    commit = commit_in(options.source or Path())
    try:
        with _recording_folder(options.keep, commit) as folder:
            graph = _record_graph(_build_program(options), folder, guest, question.rule_functions, options)
        decision = question.decide(graph, commit)
    except _CannotJudgeError as reason:
        decision = BisectDecision(BisectAnswer.SKIP, (NothingRecorded(str(reason)),))
    if options.reverse:
        decision = decision.reversed()
    Console().say(f"{' '.join(filter(None, (decision.answer.value, commit)))}: {decision_sentence(decision)}")
    return BisectStatus[decision.answer.name]


@dataclass(frozen=True)
class _BisectQuestion:
    """The question to decide for each commit, parsed before anything is built."""

    rules: tuple[Rule, ...]
    chains: tuple[str, ...]
    like: NamedGraph | None

    @classmethod
    def of(cls, options: BisectOptions) -> _BisectQuestion:
        """Parse the rules and open the graph of --like. AnalyzerError when one is invalid."""
        like = open_graph(options.like) if options.like else None
        if like is not None:
            check_milestones(options.chains, like)
        return cls(tuple(map(parse_rule, options.rules)), options.chains, like)

    @property
    def rule_functions(self) -> list[str]:
        """Functions to stop at in addition to the milestones, because a rule may name others."""
        names = [pattern.text for rule in self.rules for pattern in rule.patterns]
        return [name for name in dict.fromkeys(names) if _NAME.fullmatch(name) and name not in _ALWAYS_RECORDED]

    def decide(self, graph: CallGraph, commit: str) -> BisectDecision:
        """The decision for a commit, from its call graph and its abbreviated hash (or "")."""
        decisions = [decide_by_rule(rule, graph) for rule in self.rules]
        if self.like is not None:
            new = NamedGraph(commit or "this commit", graph)
            decisions.append(decide_by_chains(self.like, new, self.chains, shipped_history()))
        return combine_decisions(decisions)


def _expected_provenance(guest: Guest, options: BisectOptions) -> Provenance:
    """The provenance that recordings of this bisection will have, to compare with that of --like."""
    arguments = options.recording.qemu_arguments
    return Provenance(
        tool="", scenario=_SCENARIO, qemu_version="", build_id="", accelerator=options.recording.accelerator,
        guest=PurePath(guest.name).name, complete=True, machine=machine_of(arguments),
        arguments=arguments_of(arguments),
    )  # fmt: skip


def _build_program(options: BisectOptions) -> Path:
    """Build the QEMU of this commit; returns its path. _CannotJudgeError when it does not build."""
    if options.build:
        _run_build(options.build)
    if options.source is None:
        assert options.qemu is not None
        return options.qemu
    build_options = BuildOptions(source=options.source, profile=options.profile)
    try:
        return build_from_options(build_options).program
    except BuildFailedError as error:
        reason = error.message.splitlines()[0].partition(". It said")[0]
        raise _CannotJudgeError(f"it does not build: {reason}") from None


def _run_build(command: str) -> None:
    """Run --build in the shell, with its output on standard error.

    _CannotJudgeError when it fails, AnalyzerError when the shell cannot start it.
    """
    status = run_in_shell(command)
    if status in _SHELL_CANNOT_START:
        raise AnalyzerError(
            f"--build {command}: the shell cannot start this command.",
            "If only some commits lack it: --build 'sh -c \"…\" || exit 1'.",
        )
    if status:
        raise _CannotJudgeError(f"it does not build: {command} ended with status {status}")


def _record_graph(
    program: Path, folder: Path, guest: Guest, rule_functions: Sequence[str], options: BisectOptions
) -> CallGraph:
    """Record the program into `folder`; returns its call graph.

    _CannotJudgeError when this program cannot be recorded; AnalyzerError when no other could be either.
    """
    try:
        places = DebugPlaces(options.debug_file, options.debug_directories)
        qemu = examine(program, lambda path: find_debug_files(path, places))
    except (ProgramNotFoundError, NoDebugInfoError):
        raise  # a wrong path or build command fails for every commit
    except AnalyzerError as error:
        raise _CannotJudgeError(f"it cannot be recorded: {error.message}") from None
    with Gdb(program) as gdb:
        try:
            record(_recording_request(qemu, guest, rule_functions, options), folder, gdb, None, _SILENT_REPORTER)
        except QemuEndedError as error:
            raise _CannotJudgeError(f"it cannot be recorded: {error.message}") from None
        gdb.request_exit()
    graph = graph_of(read_recording(folder))
    absent = set(rule_functions) - _program_functions(qemu)
    graph.missing += tuple(MissedMilestone(name, name, False, (name,)) for name in sorted(absent))
    return graph


def _program_functions(qemu: QemuFacts) -> set[str]:
    """Names of all functions of the program, without compiler suffixes."""
    return {without_compiler_suffix(name) for name in function_names(qemu.debug_files.symbols)}


def _recording_request(
    qemu: QemuFacts, guest: Guest, rule_functions: Sequence[str], options: BisectOptions
) -> RecordingRequest:
    names = _program_functions(qemu) if rule_functions else set()
    return RecordingRequest(
        options=replace(options.recording, breaks=tuple(name for name in rule_functions if name in names)),
        qemu=qemu,
        scenario=load_scenario(_SCENARIO, options.recording.accelerator),
        guest=guest,
        build=provenance_of(qemu.path, qemu.build_id),
    )


@contextmanager
def _recording_folder(keep: Path | None, commit: str) -> Iterator[Path]:
    """Yield the folder to record into: a temporary one, or with `keep` one named after the commit.

    In the latter the report is written at the end of the block, when something was recorded.
    """
    if keep is None:
        with scratch_folder() as folder:
            prepare_folder(folder, force=True)
            yield folder
        return
    folder = keep / (commit or "no-commit")
    with locked_folder(folder):
        prepare_folder(folder, force=True)
        try:
            yield folder
        finally:
            if keep_if_useful(folder):
                write_results(folder)
