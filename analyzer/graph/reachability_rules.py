"""Parses rules such as `main must reach kvm_cpu_exec via qemu_thread_start`, and checks them on a graph. Pure.

`must reach` requires a path, `must not reach` forbids one; `via` and `not via` limit the paths that count. `only
via F` forbids every path between the ends that does not contain F, whatever the other conditions are. Patterns
name the functions, as for `analyze paths`; a pattern that matches several functions stands for any of them.
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
_WORD = re.compile(r"'([^']*)'(?!\S)|\"([^\"]*)\"(?!\S)|(\S+)")  # a name that contains blanks is quoted


class RuleOutcome(str, Enum):
    """The outcome of checking a rule.

    UNCHECKED means that the graph cannot decide it: no success, and no failure.
    """

    HOLDS = "holds"
    BROKEN = "broken"
    UNCHECKED = "unchecked"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Rule:
    """A parsed rule; `text` is the sentence that the user wrote."""

    text: str
    start: FunctionPattern
    goal: FunctionPattern
    reach: bool  # False for `must not reach`
    via: tuple[FunctionPattern, ...] = ()
    not_via: tuple[FunctionPattern, ...] = ()
    only_via: tuple[FunctionPattern, ...] = ()

    @property
    def patterns(self) -> tuple[FunctionPattern, ...]:
        """All patterns of the rule, in the order of the sentence."""
        return (self.start, self.goal, *self.via, *self.not_via, *self.only_via)


class RuleReason(Enum):
    """The reason for the outcome of a rule."""

    PATH = "path"  # a path exists that the rule describes
    NO_PATH = "no path"
    PATH_AROUND = "path around"  # a path exists that does not contain `pattern`, the function of `only via`
    NO_PATH_AROUND = "no path around"
    NOT_IN_PROGRAM = (
        "not in the program"  # the recording looked for `pattern`, and the program has no such function
    )
    NEVER_REACHED = "never reached"  # the recording waited for `pattern`
    NOT_IN_GRAPH = "not in the graph"  # no function of the graph matches `pattern`
    CUT_OFF = "cut off"  # the search reached its step limit


class PartialGraph(Enum):
    """Why a path may exist in the program though the graph does not contain it."""

    INCOMPLETE = "incomplete"  # the recording did not end normally
    BACKTRACE = "backtrace"  # an imported backtrace shows one moment


@dataclass(frozen=True)
class RuleCheck:
    """The outcome of a rule and its reason; `reports.text.rules` turns them into sentences."""

    rule: Rule
    outcome: RuleOutcome
    reason: RuleReason
    pattern: FunctionPattern | None = None  # the pattern that decides the outcome, if one does
    path: CallPath | None = None  # the path that is the reason, for PATH and PATH_AROUND
    similar: tuple[str, ...] = ()  # for NOT_IN_GRAPH: names in the graph that are similar to the pattern
    partial_graph: PartialGraph | None = None  # None: the graph is of complete recordings


def parse_rule(text: str) -> Rule:
    """Return the rule in `text`, a sentence of the form GRAMMAR.

    Raises UsageError, with the first unexpected word in its message, when the sentence has another form.
    """
    words = _WordReader(text)
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


def check_rule(rule: Rule, graph: CallGraph, step_limit: int = 0) -> RuleCheck:
    """Check the rule on the graph and return the outcome with its reason.

    `step_limit` bounds each search, as for `PathFinder`. No error is raised: what cannot be decided is UNCHECKED.
    """
    functions = [node.function for node in graph.nodes]
    for pattern in rule.patterns:
        if not pattern.matching(functions):
            return _check_absent(rule, pattern, graph)
    check = _check_reach(rule, graph, step_limit)
    for pattern in rule.only_via if check.outcome is RuleOutcome.HOLDS else ():
        around = _check_around(rule, pattern, graph, step_limit)
        if around is not None:
            return around
    return check


def _check_absent(rule: Rule, pattern: FunctionPattern, graph: CallGraph) -> RuleCheck:
    """Return the check of a rule with a pattern that matches no function of the graph."""
    if pattern is rule.goal and not rule.reach and _not_in_program(pattern, graph):
        return RuleCheck(rule, RuleOutcome.HOLDS, RuleReason.NOT_IN_PROGRAM, pattern)
    partial_graph = _partial_graph(graph)
    if not _was_missed(pattern, graph):
        similar = tuple(similar_names(pattern, graph))
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.NOT_IN_GRAPH, pattern, similar=similar)
    outcome = RuleOutcome.UNCHECKED
    if pattern in (rule.goal, *rule.via) and partial_graph is None:
        outcome = RuleOutcome.BROKEN if rule.reach else RuleOutcome.HOLDS
    return RuleCheck(rule, outcome, RuleReason.NEVER_REACHED, pattern, partial_graph=partial_graph)


class _WordReader:
    """Reads the words of a rule one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = deque(_WORD.finditer(text))

    @property
    def at_end(self) -> bool:
        """Whether the sentence has no more words."""
        return not self._words

    def skip(self, word: str) -> bool:
        """Read the next word if it is `word`. Return whether it was."""
        if self._words and self._words[0][0] == word:
            self._words.popleft()
            return True
        return False

    def expect(self, *expected: str) -> str:
        """Read the next word and return it. Raises UsageError unless it is in `expected`."""
        for word in expected:
            if self.skip(word):
                return word
        raise self._unexpected_word(" or ".join(expected))

    def pattern(self) -> FunctionPattern:
        """Read the next word and return it as a pattern. Raises UsageError when there is none."""
        if self.at_end or (self._words[0][0][0] in "'\"" and self._words[0][3]):
            raise self._unexpected_word("a function")
        word = self._words.popleft()
        return parse_pattern(word[word.lastindex or 0])

    def _unexpected_word(self, expected: str) -> UsageError:
        found = "the end" if self.at_end else repr(self._words[0][0])
        return UsageError(
            visible(f"The rule “{self._text}” is malformed: expected {expected}, found {found}."),
            f"Write: {GRAMMAR}. Put a name with blanks in quotes.",
        )


def _check_reach(rule: Rule, graph: CallGraph, step_limit: int) -> RuleCheck:
    finder = PathFinder(graph, PathQuery(rule.start, rule.goal, rule.via, rule.not_via), step_limit)
    path = next(finder.all(), None)
    if path is None and finder.limit_reached:
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.CUT_OFF)
    if path is not None:
        outcome = RuleOutcome.HOLDS if rule.reach else RuleOutcome.BROKEN
        return RuleCheck(rule, outcome, RuleReason.PATH, path=path)
    partial_graph = _partial_graph(graph)
    outcome = RuleOutcome.BROKEN if rule.reach else RuleOutcome.HOLDS
    if partial_graph is not None:
        outcome = RuleOutcome.UNCHECKED
    return RuleCheck(rule, outcome, RuleReason.NO_PATH, partial_graph=partial_graph)


def _check_around(rule: Rule, pattern: FunctionPattern, graph: CallGraph, step_limit: int) -> RuleCheck | None:
    """Return the check that finds, or cannot exclude, a path without `pattern`; None when all paths contain it."""
    finder = PathFinder(graph, PathQuery(rule.start, rule.goal, not_via=(pattern,)), step_limit)
    path = next(finder.all(), None)
    if path is not None:
        return RuleCheck(rule, RuleOutcome.BROKEN, RuleReason.PATH_AROUND, pattern, path)
    if finder.limit_reached:
        return RuleCheck(rule, RuleOutcome.UNCHECKED, RuleReason.CUT_OFF)
    if partial_graph := _partial_graph(graph):
        return RuleCheck(
            rule, RuleOutcome.UNCHECKED, RuleReason.NO_PATH_AROUND, pattern, partial_graph=partial_graph
        )
    return None


def _partial_graph(graph: CallGraph) -> PartialGraph | None:
    """Return why a path may exist though the graph does not contain it; None for complete recordings."""
    if not graph.provenance.complete:
        return PartialGraph.INCOMPLETE
    return PartialGraph.BACKTRACE if graph.provenance.scenario == IMPORT else None


def _not_in_program(pattern: FunctionPattern, graph: CallGraph) -> bool:
    """Return whether the recording looked for the function and the program does not have it."""
    absent = (name for entry in graph.missing if not entry.in_program for name in entry.functions)
    return any(pattern.name.fullmatch(name) for name in absent)


def _was_missed(pattern: FunctionPattern, graph: CallGraph) -> bool:
    """Return whether the program has the function, and the recording waited for it and did not reach it."""
    names = (name for entry in graph.missing if entry.in_program for name in entry.functions)
    return any(pattern.name.fullmatch(name) for name in names)
