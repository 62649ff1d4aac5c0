"""How people name functions: a regular expression for the whole name, with the file's stem before it for twins."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph
from analyzer.model.frames import Function

# `pc_piix:pc_init.*`, `[kernel]:kvm_.*`; not `qemu::name` nor `(?:one|two)`.
_WITH_STEM = re.compile(r"(\[[\w.+-]+\]|[\w.+-]+):(?!:)(.+)", re.DOTALL)
_SIGNS = re.compile(r"\\.|\W")
_LONGEST = 200  # characters of a name that is compared with others; looking for near ones is quadratic in them
_MOST = 20_000  # names among which near ones are looked for


@dataclass(frozen=True)
class FunctionPattern:
    """`text` as the user wrote it; `name` must match a function's whole name, `stem` be its file's unless ""."""

    text: str
    stem: str
    name: re.Pattern[str]

    def __str__(self) -> str:
        return self.text

    def matches(self, function: Function) -> bool:
        """Whether `function` is one of those meant."""
        if self.stem and function.where not in (self.stem, PurePosixPath(self.stem).stem):
            return False
        return self.name.fullmatch(function.name) is not None

    def among(self, functions: Iterable[Function]) -> frozenset[Function]:
        """Those of `functions` that are meant."""
        return frozenset(function for function in functions if self.matches(function))


def parse_pattern(text: str) -> FunctionPattern:
    """The pattern in `text`; UsageError when it is no regular expression."""
    split = _WITH_STEM.fullmatch(text)
    stem, name = split.groups() if split else ("", text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a later Python will read differently
            return FunctionPattern(text, stem, re.compile(name))
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"{text!r} is no regular expression for functions: {error}.",
            "Write it as Python does, for the whole name: 'kvm_.*ioctl'; 'pc_piix:pc_init.*' names the file too.",
        ) from None


def similar_names(pattern: FunctionPattern, graph: CallGraph) -> list[str]:
    """Names in the graph that look like what the pattern wants; those of other files first when it names one."""
    names = [node.function for node in graph.nodes if len(node.function.name) <= _LONGEST][:_MOST]
    elsewhere = [f"{f.where}:{f.name}" for f in names if pattern.stem and pattern.name.fullmatch(f.name)]
    wanted = _SIGNS.sub("", pattern.name.pattern)[:_LONGEST]
    alike = get_close_matches(wanted, sorted({function.name for function in names}), n=3)
    return [*elsewhere[:3], *alike][:3]
