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
from reports.text.paths import heading

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


@dataclass(frozen=True)
class RuleCheck:
    """What became of a rule, in `words`; `path` shows it where a path can."""

    rule: Rule
    outcome: RuleOutcome
    words: str
    path: CallPath | None = None


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
    """Whether the rule holds in the graph. `steps` is as for `Finder`."""
    functions = [node.function for node in graph.nodes]
    for pattern in rule.patterns:
        if not pattern.among(functions):
            if pattern is rule.goal and not rule.reach and _not_in_program(pattern, graph):
                return RuleCheck(rule, RuleOutcome.HOLDS, visible(f"{pattern} is not in the program."))
            waited_for = _waited_for(pattern, graph)
            if waited_for and pattern in (rule.goal, *rule.via) and not _partly_seen(graph):
                outcome = RuleOutcome.BROKEN if rule.reach else RuleOutcome.HOLDS
                return RuleCheck(rule, outcome, visible(f"{pattern} was waited for and never reached."))
            words = visible(f"{pattern} was waited for and never reached; the recording is not complete.")
            return RuleCheck(rule, RuleOutcome.UNCHECKED, words if waited_for else _absent(pattern, graph))
    verdict = _check_reach(rule, graph, steps)
    for pattern in rule.only_via if verdict.outcome is RuleOutcome.HOLDS else ():
        past = _check_past(rule, pattern, graph, steps)
        if past is not None:
            return past
    return verdict


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
        return RuleCheck(rule, RuleOutcome.UNCHECKED, _CUT_OFF)
    if path is None and _partly_seen(graph):
        return RuleCheck(rule, RuleOutcome.UNCHECKED, _not_reached(rule, graph))
    outcome = RuleOutcome.HOLDS if (path is not None) == rule.reach else RuleOutcome.BROKEN
    return RuleCheck(rule, outcome, _reached(path) if path else _not_reached(rule, graph), path)


def _check_past(rule: Rule, pattern: FunctionPattern, graph: CallGraph, steps: int) -> RuleCheck | None:
    """The verdict that a path goes past `pattern`, or that nobody knows; None when all paths go via it."""
    finder = PathFinder(graph, PathQuery(rule.start, rule.goal, not_via=(pattern,)), steps)
    path = next(finder.all(), None)
    if path is not None:
        return RuleCheck(
            rule, RuleOutcome.BROKEN, f"{_reached(path)} That is not via {visible(str(pattern))}.", path
        )
    if finder.gave_up:
        return RuleCheck(rule, RuleOutcome.UNCHECKED, _CUT_OFF)
    if seen := _partly_seen(graph):
        return RuleCheck(
            rule, RuleOutcome.UNCHECKED, visible(f"No path was seen that is not via {pattern}. {seen}")
        )
    return None


_CUT_OFF = "The search was cut off after many steps. Name fewer functions in the rule, by narrower patterns."


def _reached(path: CallPath) -> str:
    doubt = "" if path.recorded else "; it may never have happened in one go"
    return f"A path leads from {heading(path)}{doubt}."


def _not_reached(rule: Rule, graph: CallGraph) -> str:
    which = " of the kind the rule names" if rule.via or rule.not_via else ""
    return visible(f"No path{which} leads from {rule.start} to {rule.goal}. {_partly_seen(graph)}").rstrip()


def _partly_seen(graph: CallGraph) -> str:
    """Why a path that is not in the graph may be one all the same; "" when it is none."""
    if not graph.provenance.complete:
        return "What was recorded is not complete, though."
    return "A backtrace shows one moment, though." if graph.provenance.scenario == IMPORT else ""


def _not_in_program(pattern: FunctionPattern, graph: CallGraph) -> bool:
    """Whether the recording looked for that function, and the program does not have it."""
    absent = (name for entry in graph.missing if not entry.in_program for name in entry.functions)
    return any(pattern.name.fullmatch(name) for name in absent)


def _waited_for(pattern: FunctionPattern, graph: CallGraph) -> bool:
    """Whether a function of that name is in the program, and the recording waited for it and never came there."""
    names = (name for entry in graph.missing if entry.in_program for name in entry.functions)
    return any(pattern.name.fullmatch(name) for name in names)


def _absent(pattern: FunctionPattern, graph: CallGraph) -> str:
    alike = similar_names(pattern, graph)
    perhaps = f", perhaps to {' or '.join(alike)}" if alike else ""
    return visible(
        f"No function of the graph matches {pattern}. If it was renamed{perhaps}, correct the rule; if it is "
        "only not recorded, record it with --break FUNC; if it is gone for good, take the rule out."
    )
