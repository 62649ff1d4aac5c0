"""Reads TOML files: the data files of this program, and those of users. Hides the difference of Python 3.10."""

from __future__ import annotations

import re
import sys
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_DEPTH = 50  # brackets within brackets; the parser calls itself for each
_MAX_LINE = 10_000  # characters; the parser takes time quadratic in the number of parts of a dotted key
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_LONG_NUMBER = re.compile(r"\d{1000}")
_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""' r"|'''.*?'''" r'|"(?:[^"\\\n]|\\[^\n])*"' r"|'[^'\n]*'" r"|#[^\n]*|[\[\]{}\n]",
    re.DOTALL,
)


class TOMLError(ValueError):
    """The text is not TOML, or is more than is read. `line` is the line, from 1; 0 when it is not known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line

    def at(self, where: str) -> str:
        """Return the place of the error in the file `where`, as `FILE:LINE`."""
        return f"{where}:{self.line}" if self.line else where


def parse_toml(text: str) -> dict[str, Any]:
    """Return the data in the TOML `text`. TOMLError when it is none, or exceeds a limit."""
    _check_size(text)
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        last = text.count("\n") + 1
        line = int(place[1]) if place and place[1] else last if place else 0
        raise TOMLError(_PLACE.sub("", str(error)), line) from None
    except RecursionError:
        raise TOMLError("it is nested too deeply") from None
    except (ValueError, OverflowError) as error:  # such as an impossible date
        raise TOMLError(str(error)) from None
    return data


def load_toml(package: str, name: str) -> dict[str, Any]:
    """The parsed content of the file `name` in the Python package `package`. TOMLError when it is not TOML."""
    return parse_toml(resources.files(package).joinpath(name).read_text(encoding="utf-8"))


def _check_size(text: str) -> None:
    """Raise TOMLError for what would take the parser long, or more stack than there is."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _MAX_LINE:
            raise TOMLError(f"the line has more than {_MAX_LINE} characters", number)
        if _LONG_NUMBER.search(line):
            raise TOMLError("a number has more than 1000 digits", number)
    number, depth = 1, 0
    for token in _TOKEN.findall(text):
        number += token.count("\n")
        depth = max(0, depth + (token in ("[", "{")) - (token in ("]", "}")))
        if depth > _MAX_DEPTH:
            raise TOMLError(f"brackets are nested more than {_MAX_DEPTH} deep", number)
