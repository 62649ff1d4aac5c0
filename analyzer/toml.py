"""Reads TOML files: the data files of this program, and those of users. Hides the difference of Python 3.10."""

from __future__ import annotations

import sys
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TOMLError = tomllib.TOMLDecodeError
parse_toml = tomllib.loads


def load_toml(package: str, name: str) -> dict[str, Any]:
    """The parsed content of the file `name` in the Python package `package`. TOMLError when it is not TOML."""
    data: dict[str, Any] = parse_toml(resources.files(package).joinpath(name).read_text(encoding="utf-8"))
    return data
