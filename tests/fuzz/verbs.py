"""Runs verbs of `analyze` in this process, so that an exception is seen as it is."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from analyzer.cli import parse


def run_verb(*arguments: str) -> int:
    """Run a verb as the command line does; returns its exit status. Raises what the verb raises."""
    options = parse(arguments)
    return int(options.run(options))


def one_of(data: bytes, commands: Sequence[Sequence[str]]) -> Sequence[str]:
    """One of the commands: an input always has the same, and inputs have each of them equally often."""
    return commands[zlib.crc32(data) % len(commands)]
