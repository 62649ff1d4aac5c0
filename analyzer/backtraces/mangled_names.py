"""Replaces the mangled names of imported stacks: C++ (`_ZN…`), Rust (`_R…`, and `_ZN…17h<hash>E`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from analyzer.backtraces.stacks import ImportedFrame, ImportedStack
from analyzer.text import number_of

_MANGLED = re.compile(r"_?_Z(?=[A-Z0-9])|_R(?=[A-Z])")  # macOS prefixes each name with an underscore
# The symbol version and what GCC and LLVM add to the name of a clone.
_SUFFIXES = re.compile(
    r"((?:\.(?:constprop|part|isra|cold|lto_priv|llvm|clone|resume|destroy|cleanup)(?:\.\d{1,20}){0,3}){0,5}"
    r"(?:@plt|@{1,2}[A-Za-z][\w.+-]{0,100})?)$"
)
_MAX_SUFFIXES = 200  # characters
_LONGEST = 4000  # characters of a name that is demangled
_MAX_NAMES_TEXT = 8_000_000  # characters of all names that are given to the demangler


# Takes mangled names; returns readable ones by mangled name, and a sentence about names that stay mangled, or "".
Demangle = Callable[[Sequence[str]], tuple[Mapping[str, str], str]]


def is_mangled(name: str) -> bool:
    """Whether `name` begins like a mangled name of C++ or Rust."""
    return bool(_MANGLED.match(name)) and len(name) <= _LONGEST


def demangle_stacks(stacks: Sequence[ImportedStack], demangle: Demangle | None) -> tuple[list[ImportedStack], str]:
    """The stacks with readable names, and a message about names that stay mangled ("" when none does).

    A name keeps its symbol version and the suffix of the compiler, as in `ns::f(int)@@GLIBC_2.3.2`.
    """
    mangled = _mangled_names(frame.name for stack in stacks for frame in (*stack.frames, *stack.creator))
    if not mangled:
        return list(stacks), ""
    if demangle is None:
        return list(stacks), f"{number_of(len(mangled), 'name')} of C++ or Rust stay mangled."
    parts = {name: _without_suffixes(name) for name in mangled}
    readable, message = demangle(sorted({bare for bare, _ in parts.values()}))
    names = {name: readable[bare] + suffixes for name, (bare, suffixes) in parts.items() if bare in readable}
    known: dict[ImportedFrame, ImportedFrame] = {}

    def rename(frame: ImportedFrame) -> ImportedFrame:
        new = names.get(frame.name)
        return frame if new is None else known.setdefault(frame, frame._replace(name=new))

    renamed = [
        stack._replace(frames=tuple(map(rename, stack.frames)), creator=tuple(map(rename, stack.creator)))
        for stack in stacks
    ]
    return renamed, message


def _mangled_names(names: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    length = 0
    for name in names:
        if is_mangled(name) and name not in found:
            length += len(name)
            if length > _MAX_NAMES_TEXT:
                break
            found[name] = None
    return list(found)


def _without_suffixes(name: str) -> tuple[str, str]:
    """The mangled name, and what follows it."""
    bare = name[1:] if name.startswith("__Z") else name
    begin = max(0, len(bare) - _MAX_SUFFIXES)
    suffixes = _SUFFIXES.search(bare, begin)
    end = suffixes.start() if suffixes else len(bare)
    return bare[:end], bare[end:]
