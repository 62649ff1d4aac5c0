"""Names across versions: numbers in them, and their known history. The data is `names.toml` and files like it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from analyzer.errors import AnalyzerError
from analyzer.toml import TOMLError, load_toml, parse_toml

_WORDS = re.compile(r"[A-Za-z0-9]+")
_LONGEST_CHAIN = 8  # patterns may make what other patterns match


@dataclass(frozen=True)
class NamePattern:
    """Names that match as a whole are called `name` when comparing; it may use groups as `re.sub` does."""

    match: re.Pattern[str]
    name: str


@dataclass(frozen=True)
class Rename:
    """Functions as a version had them, and as a later one has them. The first of each are the same function."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class SymbolHistory:
    """What is known of names. Comparing asks both ways round: nothing here depends on which side is older."""

    patterns: tuple[NamePattern, ...] = ()
    renames: tuple[Rename, ...] = ()
    exact: bool = (
        False  # both sides are one program: a function is the same by name and file, or it is another one
    )

    def normalised(self, name: str) -> str:
        """The name without what numbers it; the same for a name that was normalised before."""
        if name not in self._known:
            self._known[name] = _normalised(self.patterns, name)
        return self._known[name]

    def numbered(self, name: str) -> bool:
        """Whether the name has a number in it that a pattern takes out."""
        return self.normalised(name) != name

    def renamed(self, one: str, other: str) -> bool:
        """Whether history says that these are the same function under two names."""
        return (one, other) in self._heads or (other, one) in self._heads

    def history(self, name: str, others: Iterable[str]) -> str:
        """What history says of a function that one side lacks, given the names the other side has; or ""."""
        known = set(others)
        for rename in self.renames:
            if name in rename.new[1:] and rename.old[0] in known:
                return f"does part of what {rename.old[0]} did"
            if name in rename.old and name not in rename.new and (now := [n for n in rename.new if n in known]):
                return f"{', '.join(now)} does this now"
        return ""

    @cached_property
    def _known(self) -> dict[str, str]:
        """What was normalised already: aligning two chains asks for each name again and again."""
        return {}

    @cached_property
    def _heads(self) -> set[tuple[str, str]]:
        return {(rename.old[0], rename.new[0]) for rename in self.renames if rename.old[0] != rename.new[0]}


def similarity(one: str, other: str) -> float:
    """How much two names have in common, 0 to 1: twice the words of both, by the words of each."""
    mine, theirs = _words(one), _words(other)
    return 2 * len(mine & theirs) / (len(mine) + len(theirs)) if mine and theirs else 0.0


def shipped_history() -> SymbolHistory:
    """What comes with this program."""
    return _read(load_toml("analyzer.diff", "symbol_history.toml"))


def read_history(text: str, where: str) -> SymbolHistory:
    """Names of a user's file. AnalyzerError, naming `where`, when it is not of that form."""
    try:
        return _read(parse_toml(text))
    except (TOMLError, re.error, KeyError, TypeError, ValueError) as error:
        raise AnalyzerError(
            f"{where} cannot be used for names: {error}.",
            "It wants [[pattern]] with match and name, and [[rename]] with old and new: lists of names.",
        ) from None


def combine_histories(parts: Sequence[SymbolHistory]) -> SymbolHistory:
    """All of them; the patterns of earlier ones come first."""
    return SymbolHistory(
        tuple(pattern for part in parts for pattern in part.patterns),
        tuple(rename for part in parts for rename in part.renames),
    )


def _read(data: dict[str, Any]) -> SymbolHistory:
    if unknown := data.keys() - {"pattern", "rename"}:
        raise ValueError(f"it has {min(unknown)}, which means nothing here")
    patterns = tuple(NamePattern(re.compile(entry["match"]), entry["name"]) for entry in data.get("pattern", ()))
    renames = tuple(Rename(_list(entry, "old"), _list(entry, "new")) for entry in data.get("rename", ()))
    return SymbolHistory(patterns, renames)


def _list(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    value = entry[key]
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{key} is not a list of names")
    return tuple(value)


def _normalised(patterns: tuple[NamePattern, ...], name: str) -> str:
    seen = [name]
    while (now := _once(patterns, seen[-1])) not in seen:
        if len(seen) == _LONGEST_CHAIN:
            return name  # patterns that lead on and on name nothing
        seen.append(now)
    return min(seen[seen.index(now) :])  # the same for each of several that lead to one another


def _once(patterns: tuple[NamePattern, ...], name: str) -> str:
    for pattern in patterns:
        if match := pattern.match.fullmatch(name):
            return match.expand(pattern.name)
    return name


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(name.lower()))
