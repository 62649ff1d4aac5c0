"""Patterns that name functions: a regular expression for the whole name, if need be after the file's stem."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.model.frames import Function
from analyzer.patterns import LinearPattern, PatternError, linear_pattern

# `pc_piix:pc_init.*`, `[kernel]:kvm_.*`; not `qemu::name` nor `(?:one|two)`.
_WITH_STEM = re.compile(r"(\[[\w.+-]+\]|[\w.+-]+):(?!:)(.+)", re.DOTALL)
_NOT_IN_NAMES = re.compile(r"\\.|\W")
_LONGEST_NAME = 200  # characters; the search for similar names takes time quadratic in the length of a name
_MOST_NAMES = 20_000  # names matching which near ones are looked for


@dataclass(frozen=True)
class FunctionPattern:
    """A pattern for functions.

    `text` is what the user wrote; `name` must match the whole name of a function; `stem`, unless "", must be the
    stem of its source file or its library, such as "pc_piix" or "[kernel]".
    """

    text: str
    stem: str
    name: LinearPattern

    def __str__(self) -> str:
        return self.text

    def matches(self, function: Function) -> bool:
        """Return whether the pattern matches `function`, by name and by stem."""
        if self.stem and function.where not in (self.stem, PurePosixPath(self.stem).stem):
            return False
        return self.name.fullmatch(function.name)

    def matching(self, functions: Iterable[Function]) -> frozenset[Function]:
        """Return the functions that the pattern matches."""
        return frozenset(function for function in functions if self.matches(function))


def parse_pattern(text: str) -> FunctionPattern:
    """Return the pattern in `text`, `NAME` or `STEM:NAME`.

    Raises UsageError when NAME is no regular expression.
    """
    split = _WITH_STEM.fullmatch(text)
    stem, name = split.groups() if split else ("", text)
    try:
        return FunctionPattern(text, stem, linear_pattern(name))
    except PatternError as error:
        raise UsageError(
            f"{text!r} is no regular expression for functions: {error}.",
            "Write it as RE2 does, for the whole name: 'kvm_.*ioctl'; 'pc_piix:pc_init.*' names the file too.",
        ) from None


def similar_names(pattern: FunctionPattern, graph: CallGraph) -> list[str]:
    """Return up to three names of the graph that are similar to the pattern.

    When the pattern names a file, functions of that name in other files come first, as `STEM:NAME`.
    """
    functions = [node.function for node in graph.nodes if len(node.function.name) <= _LONGEST_NAME][:_MOST_NAMES]
    in_other_files = [f"{f.where}:{f.name}" for f in functions if pattern.stem and pattern.name.fullmatch(f.name)]
    literal = _NOT_IN_NAMES.sub("", pattern.name.pattern)[:_LONGEST_NAME]
    close = get_close_matches(literal, sorted({function.name for function in functions}), n=3)
    return [*in_other_files, *close][:3]
