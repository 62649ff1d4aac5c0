"""The names of functions across QEMU versions: machine versions in names, and known renames.

The data is in `symbol_history.toml`, which names its sources, and in files of the same form that users give.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from analyzer.errors import AnalyzerError
from analyzer.patterns import LinearPattern, linear_pattern
from analyzer.toml import TOMLError, load_toml, parse_toml

_WORDS = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME = 10_000  # characters; patterns must not make a name grow without end
_MOST_REPLACEMENTS = 8  # the result of a pattern may match another pattern


@dataclass(frozen=True)
class NamePattern:
    """Names that differ in a machine version only: all that `match` matches as a whole have one canonical name.

    `name` is that canonical name; it may refer to groups of `match`, as the replacement of `re.sub` does.
    """

    match: LinearPattern
    name: str


@dataclass(frozen=True)
class Rename:
    """Functions of a QEMU version (`old`), and what a later version has in their place (`new`).

    The first function of both is the same function under two names; the others contain parts of its code.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class SymbolHistory:
    """Knowledge about names of functions. Exchanged sides give the same answers.

    `same_program` says that both sides are one program, in which equal name and file identify a function.
    """

    patterns: tuple[NamePattern, ...] = ()
    renames: tuple[Rename, ...] = ()
    same_program: bool = False

    def canonical_name(self, name: str) -> str:
        """Return the name without its machine version. The canonical name of a canonical name is itself."""
        if name not in self._canonical_names:
            self._canonical_names[name] = _canonical_name(self.patterns, name)
        return self._canonical_names[name]

    def canonical_names(self, names: Iterable[str]) -> set[str]:
        """Return the canonical names of `names`. It is faster than a call for each."""
        known = self._canonical_names
        return {known.get(name) or self.canonical_name(name) for name in names}

    def has_machine_version(self, name: str) -> bool:
        """Return whether the name contains a machine version, as in `pc_init_v7_2`."""
        return self.canonical_name(name) != name

    def renamed(self, old: str, new: str) -> bool:
        """Return whether a known rename connects the two names, in either direction."""
        return (old, new) in self._renamed_pairs or (new, old) in self._renamed_pairs

    def history_note(self, name: str, other_names: Collection[str]) -> str:
        """Return a note about a function that the other side lacks; "" when no known rename concerns it.

        `other_names` are the names of the functions that the other side has.
        """
        for rename in self.renames:
            if name in rename.new[1:] and rename.old[0] in other_names:
                return f"does part of what {rename.old[0]} did"
            if (
                name in rename.old
                and name not in rename.new
                and (new := [n for n in rename.new if n in other_names])
            ):
                return f"{', '.join(new)} does this now"
        return ""

    @cached_property
    def _canonical_names(self) -> dict[str, str]:
        """A cache: an alignment compares each name many times."""
        return {}

    @cached_property
    def _renamed_pairs(self) -> set[tuple[str, str]]:
        return {(rename.old[0], rename.new[0]) for rename in self.renames if rename.old[0] != rename.new[0]}


def similarity(old: str, new: str) -> float:
    """Return the similarity of two names, 0 to 1: the Dice coefficient of their sets of words."""
    old_words, new_words = _words(old), _words(new)
    if not old_words or not new_words:
        return 0.0
    return 2 * len(old_words & new_words) / (len(old_words) + len(new_words))


def shipped_history() -> SymbolHistory:
    """Return the history in `symbol_history.toml`, which this program contains."""
    return _read(load_toml("analyzer.diff", "symbol_history.toml"))


def read_history(text: str, where: str) -> SymbolHistory:
    """Return the history in the TOML `text` of a user's file.

    Raises AnalyzerError, with the file name `where` in its message, when the text has another form.
    """
    try:
        return _read(parse_toml(text))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        place = error.at(where) if isinstance(error, TOMLError) else where
        raise AnalyzerError(
            f"{place} is no history of names: {error}.",
            "Write [[pattern]] with match and name, and [[rename]] with old and new, which are lists of names.",
        ) from None


def combine_histories(parts: Sequence[SymbolHistory]) -> SymbolHistory:
    """Return one history of all parts, in their order: the first pattern that matches a name counts."""
    return SymbolHistory(
        tuple(pattern for part in parts for pattern in part.patterns),
        tuple(rename for part in parts for rename in part.renames),
    )


def _read(data: dict[str, Any]) -> SymbolHistory:
    if unknown := data.keys() - {"pattern", "rename"}:
        raise ValueError(f"{min(unknown)} is an unknown key")
    patterns = tuple(_pattern(entry["match"], entry["name"]) for entry in data.get("pattern", ()))
    renames = tuple(Rename(_list(entry, "old"), _list(entry, "new")) for entry in data.get("rename", ()))
    return SymbolHistory(patterns, renames)


def _pattern(match: str, name: str) -> NamePattern:
    pattern = linear_pattern(match)
    pattern.check_template(name)
    return NamePattern(pattern, name)


def _list(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    value = entry[key]
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{key} is not a list of names")
    return tuple(value)


def _canonical_name(patterns: tuple[NamePattern, ...], name: str) -> str:
    seen = [name]
    while (replaced := _replace_once(patterns, seen[-1])) not in seen:
        if len(seen) == _MOST_REPLACEMENTS or len(replaced) > _LONGEST_NAME:
            return name  # the patterns of this name do not terminate: they do not apply
        seen.append(replaced)
    return min(seen[seen.index(replaced) :])  # one name for all names of a cycle of patterns


def _replace_once(patterns: tuple[NamePattern, ...], name: str) -> str:
    for pattern in patterns:
        if (replaced := pattern.match.replaced(name, pattern.name)) is not None:
            return replaced
    return name


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(name.lower()))
