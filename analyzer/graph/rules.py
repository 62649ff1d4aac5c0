"""Rules that must hold: `main must reach kvm_cpu_exec via qemu_thread_start`, parsed and checked on a graph. Pure.

`must reach` wants a path, `must not reach` wants none; `via` and `not via` say which paths are meant. `only via F`
wants that no path between the ends goes past F, whatever else the rule says. Functions are named by patterns, as
for `analyze paths`; one that means several functions means any of them.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from enum import Enum

from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.graph.function_patterns import FunctionPattern, parse_pattern, similar_names
from analyzer.graph.paths import CallPath, PathFinder, PathQuery
from analyzer.text import visible
from gdbscripts.records import IMPORT

GRAMMAR = "FUNCTION must [not] reach FUNCTION [and] [via FUNCTION] [not via FUNCTION] [only via FUNCTION]…"
_WORD = re.compile(r"'([^']*)'(?!\S)|\"([^\"]*)\"(?!\S)|(\S+)")  # quotes around a name with blanks


class RuleOutcome(str, Enum):
    """What became of a rule. Unchecked is neither of the others and must not pass for one."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNCHECKED = "unchecked"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Rule:
    """A rule; `text` is how it was written."""

    text: str
    start: FunctionPattern
    goal: FunctionPattern
    reach: bool  # False: must not
    via: tuple[FunctionPattern, ...] = ()
    not_via: tuple[FunctionPattern, ...] = ()
    only_via: tuple[FunctionPattern, ...] = ()

    @property
    def patterns(self) -> tuple[FunctionPattern, ...]:
        """All functions that it names."""
        return (self.start, self.goal, *self.via, *self.not_via, *self.only_via)


class RuleReason(Enum):
    """What decided the outcome of a rule."""

    PATH = "path"  # there is a path as the rule describes it
    NO_PATH = "no path"
    PATH_AROUND = "path around"  # there is a path that does not pass `pattern`, though the rule says only via
    NO_PATH_AROUND = "no path around"
    NOT_IN_PROGRAM = "not in the program"  # `pattern` was looked for, and the program has no such function
    NEVER_REACHED = "never reached"  # `pattern` was waited for
    NOT_IN_GRAPH = "not in the graph"  # no function of the graph matches `pattern`
    CUT_OFF = "cut off"  # the search took too many steps


class PartlySeen(Enum):
    """Why a path that is not in the graph may exist all the same."""

    INCOMPLETE = "incomplete"  # the recording was not finished
    BACKTRACE = "backtrace"  # a backtrace shows one moment


@dataclass(frozen=True)
class RuleCheck:
    """What became of a rule and why; `reports.text.rules` words it."""

    rule: Rule
    outcome: RuleOutcome
    reason: RuleReason
    pattern: FunctionPattern | None = None  # the one that decided, where a single one did
    path: CallPath | None = None  # shows the reason where a path can
    similar: tuple[str, ...] = ()  # for NOT_IN_GRAPH: names in the graph that look like what the pattern means
    partly_seen: PartlySeen | None = None  # None: the graph shows all paths of a finished recording


def parse_rule(text: str) -> Rule:
    """The rule in the sentence `text`. UsageError, naming the word that is not understood, when it is none."""
    words = _Words(text)
    start = words.pattern()
    words.expect("must")
    reach = not words.skip("not")
    words.expect("reach")
    goal = words.pattern()
    conditions: dict[str, list[FunctionPattern]] = {"via": [], "not": [], "only": []}
    while not words.at_end:
        words.skip("and")
        which = words.expect("via", "not", "only") if reach else words.expect("via", "not")
        if which != "via":
            words.expect("via")
        conditions[which].append(words.pattern())
    return Rule(text, start, goal, reach, *(tuple(conditions[which]) for which in ("via", "not", "only")))


def check_rule(rule: Rule, graph: CallGraph, steps: int = 0) -> RuleCheck:
    """Whether the rule holds in the graph. `steps` bounds the search as for `PathFinder`."""
    functions = [node.function for node in graph.nodes]
    for pattern in rule.patterns:
        if not pattern.among(functions):
            return _check_absent(rule, pattern, graph)
    check = _check_reach(rule, graph, steps)
    for pattern in rule.only_via if check.outcome is RuleOutcome.HOLDS else ():
        around = _check_around(rule, pattern, graph, steps)
        if around is not None:
            return around
    return check


def _check_absent(rule: Rule, pattern: FunctionPattern, graph: CallGraph) -> RuleCheck:
    """The check of a rule with a pattern that no function of the graph matches."""
    if pattern is rule.goal and not rule.reach and _not_in_program(pattern, graph):
        return RuleCheck(rule, RuleOutcome.HOLDS, RuleReason.NOT_IN_PROGRAM, pattern)
    partly_seen = _partly_seen(graph)
    if not _waited_for(pattern, graph):
        similar = tuple(similar_names(pattern, graph))
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.NOT_IN_GRAPH, pattern, similar=similar)
    outcome = RuleOutcome.UNCHECKED
    if pattern in (rule.goal, *rule.via) and partly_seen is None:
        outcome = RuleOutcome.BROKEN if rule.reach else RuleOutcome.HOLDS
    return RuleCheck(rule, outcome, RuleReason.NEVER_REACHED, pattern, partly_seen=partly_seen)


class _Words:
    """The words of a sentence, taken one by one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = deque(_WORD.finditer(text))

    @property
    def at_end(self) -> bool:
        """Whether all words were taken."""
        return not self._words

    def skip(self, word: str) -> bool:
        """Take the next one if it is `word`; whether it was."""
        if self._words and self._words[0][0] == word:
            self._words.popleft()
            return True
        return False

    def expect(self, *expected: str) -> str:
        """Take the next one, which must be one of these."""
        for word in expected:
            if self.skip(word):
                return word
        raise self._not_understood(" or ".join(expected))

    def pattern(self) -> FunctionPattern:
        """Take the next one, which names functions."""
        if self.at_end or (self._words[0][0][0] in "'\"" and self._words[0][3]):
            raise self._not_understood("a function")
        word = self._words.popleft()
        return parse_pattern(word[word.lastindex or 0])

    def _not_understood(self, expected: str) -> UsageError:
        here = "the end" if self.at_end else repr(self._words[0][0])
        return UsageError(
            visible(f"In the rule “{self._text}” {here} is not understood: {expected} belongs there."),
            f"Write: {GRAMMAR}. A name with blanks stands in quotes.",
        )


def _check_reach(rule: Rule, graph: CallGraph, steps: int) -> RuleCheck:
    finder = PathFinder(graph, PathQuery(rule.start, rule.goal, rule.via, rule.not_via), steps)
    path = next(finder.all(), None)
    if path is None and finder.gave_up:
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.CUT_OFF)
    if path is not None:
        outcome = RuleOutcome.HOLDS if rule.reach else RuleOutcome.BROKEN
        return RuleCheck(rule, outcome, RuleReason.PATH, path=path)
    partly_seen = _partly_seen(graph)
    outcome = RuleOutcome.BROKEN if rule.reach else RuleOutcome.HOLDS
    if partly_seen is not None:
        outcome = RuleOutcome.UNCHECKED
    return RuleCheck(rule, outcome, RuleReason.NO_PATH, partly_seen=partly_seen)


def _check_around(rule: Rule, pattern: FunctionPattern, graph: CallGraph, steps: int) -> RuleCheck | None:
    """The check that finds a path around `pattern`, or cannot exclude one; None when all paths go via it."""
    finder = PathFinder(graph, PathQuery(rule.start, rule.goal, not_via=(pattern,)), steps)
    path = next(finder.all(), None)
    if path is not None:
        return RuleCheck(rule, RuleOutcome.BROKEN, RuleReason.PATH_AROUND, pattern, path)
    if finder.gave_up:
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.CUT_OFF)
    if partly_seen := _partly_seen(graph):
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.NO_PATH_AROUND, pattern, partly_seen=partly_seen)
    return None


def _partly_seen(graph: CallGraph) -> PartlySeen | None:
    """Why a path that is not in the graph may exist all the same; None when the graph is all there is."""
    if not graph.provenance.complete:
        return PartlySeen.INCOMPLETE
    return PartlySeen.BACKTRACE if graph.provenance.scenario == IMPORT else None


def _not_in_program(pattern: FunctionPattern, graph: CallGraph) -> bool:
    """Whether the recording looked for that function, and the program does not have it."""
    absent = (name for entry in graph.missing if not entry.in_program for name in entry.functions)
    return any(pattern.name.fullmatch(name) for name in absent)


def _waited_for(pattern: FunctionPattern, graph: CallGraph) -> bool:
    """Whether a function of that name is in the program, and the recording waited for it and never came there."""
    names = (name for entry in graph.missing if entry.in_program for name in entry.functions)
    return any(pattern.name.fullmatch(name) for name in names)
