"""Regular expressions of users. They match in time linear in the length of the text, whatever the expression is.

Python's own `re` may take exponential time: `(.*)*Z` never ends. This uses RE2, which has no look-around and no
back-references; its syntax is https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import re2

_REFERENCE = re.compile(r"\\(?:([1-9][0-9]?)|g<(\w+)>|(\\))")
_LOOK_AROUND = re.compile(r"\(\?(?:[=!]|<[=!])")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=")
_HUGE_REPETITION = re.compile(r"(?<!\\)\{(?:\d*,)?\d{5,}")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MAX_TEMPLATE = 1000  # characters


class PatternError(ValueError):
    """The text is no regular expression, or none that matches in linear time; the message says why."""


@dataclass(frozen=True)
class LinearPattern:
    """A regular expression that must match a whole text. `pattern` is what the user wrote."""

    pattern: str

    def fullmatch(self, text: str) -> bool:
        """Return whether the expression matches the whole of `text`."""
        return self._match(text) is not None

    def replaced(self, text: str, template: str) -> str | None:
        """Return `template` with the groups of the match for `\\1`, `\\g<name>`; None when `text` does not match.

        The template was accepted by `check_template`.
        """
        match = self._match(text)
        if match is None:
            return None
        return _REFERENCE.sub(lambda reference: "\\" if reference[3] else match[_group(reference)] or "", template)

    def check_template(self, template: str) -> None:
        """Raise PatternError when `template` is too long, or refers to a group that the expression has not."""
        if len(template) > _MAX_TEMPLATE:
            raise PatternError(f"name has more than {_MAX_TEMPLATE} characters")
        for reference in _REFERENCE.finditer(template):
            group = 0 if reference[3] else _group(reference)
            if group not in self._compiled.groupindex and group not in range(self._compiled.groups + 1):
                raise PatternError(f"name refers to group {group}, which match has not")

    def _match(self, text: str) -> Any:
        return self._compiled.fullmatch(_encodable(text))

    @cached_property
    def _compiled(self) -> Any:
        options = re2.Options()
        options.log_errors = False
        return re2.compile(_encodable(self.pattern), options)


def linear_pattern(text: str) -> LinearPattern:
    """Return the regular expression `text`. PatternError when it is none, or needs more than linear time."""
    if _HUGE_REPETITION.search(text):  # RE2 reads it as plain text
        raise PatternError("a repetition is larger than 1000")
    pattern = LinearPattern(text)
    try:
        pattern._compiled  # noqa: B018 - compiles it
    except re2.error as error:
        raise PatternError(_reason(text, error)) from None
    return pattern


def _reason(text: str, error: Exception) -> str:
    if _LOOK_AROUND.search(text):
        return "look-ahead and look-behind, as in (?!…), are not supported, since a match must end in bounded time"
    if _BACK_REFERENCE.search(text):
        return "back-references, as in \\1, are not supported, since a match must end in bounded time"
    message = error.args[0] if error.args else "invalid"
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)


def _group(reference: re.Match[str]) -> int | str:
    name = reference[1] or reference[2]
    return int(name) if name.isdecimal() else name


def _encodable(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)
