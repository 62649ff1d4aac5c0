"""TOML: data files that lie beside the code that reads them, and those of others."""

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
    """The content of the file `name` in `package`."""
    data: dict[str, Any] = parse_toml(resources.files(package).joinpath(name).read_text(encoding="utf-8"))
    return data
