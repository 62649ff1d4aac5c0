"""What the parsers of all verbs share: help that keeps its line breaks, usage errors, and types of options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from analyzer.errors import UsageError
from analyzer.text import expand_user

EXIT_STATUSES = """\
exit status: 0 done, 1 differs, 2 usage, 3 could not run, 4 ran but incomplete, 130 interrupted"""
INPUT_HELP = "an output folder, a recording, a graph.json, a baseline, a backtrace, reference:1.6.0, or - (stdin)"
SEVERAL_INPUTS = "several, of one build of QEMU, are merged"
_FUNCTION = re.compile(r"(?:[\w./-]+:)?[A-Za-z_~][\w:~<>$]*")
_Options = TypeVar("_Options")


class Parser(argparse.ArgumentParser):
    """Help keeps its line breaks, for the examples."""

    def error(self, message: str) -> NoReturn:
        """UsageError instead of an exit: `cli.main` prints all errors in one way."""
        raise UsageError(f"{message}.", f"See {self.prog} --help.")


def add_out_option(parser: Parser, metavar: str, help_text: str) -> None:
    """Add `-o`, `--out` and `--output`, one option for where a verb writes; its value is `options.out`."""
    parser.add_argument("-o", "--out", "--output", dest="out", type=path, metavar=metavar, help=help_text)


def add_json_option(parser: Parser, help_text: str = "print JSON, as --format json") -> None:
    """Declare `--json` of a verb that prints data."""
    parser.add_argument("--json", action="store_true", help=help_text)


def requested_format(options: argparse.Namespace) -> str | None:
    """The word of `--format`, `json` for `--json`, None for neither. UsageError when the two contradict."""
    if options.json and options.format not in (None, "json"):
        refuse(options.verb, f"--json and --format {options.format} contradict each other")
    return "json" if options.json else options.format


def refuse(verb: str, message: str) -> NoReturn:
    """UsageError for options of a verb that do not go together."""
    raise UsageError(f"{message}.", f"See analyze {verb} --help.")


def unknown_suffix_error(output: Path, known: Iterable[str]) -> UsageError:
    """The error for an output file whose suffix names no format; `known` are the suffixes or options that do."""
    suffix = output.suffix or "a file without suffix"
    return UsageError(f"{output}: no format is known for {suffix}.", f"Use one of {', '.join(known)}.")


def describe(parser: Parser, help_text: str, examples: str) -> None:
    """Give a verb's parser its description, and examples and exit statuses at the end of its help."""
    parser.description = help_text[0].upper() + help_text[1:] + "."
    parser.epilog = f"examples:\n{examples}\n\n{EXIT_STATUSES}"


def options_as(dataclass: type[_Options], options: argparse.Namespace, **others: Any) -> _Options:
    """The dataclass, filled by the names of its fields from `others`, else from the parsed options.

    A field that neither has keeps its default; a list becomes a tuple.
    """
    names = [field.name for field in fields(dataclass)]  # type: ignore[arg-type]
    parsed = {name: _as_tuple(getattr(options, name)) for name in names if hasattr(options, name)}
    return dataclass(**{**parsed, **others})


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def path(text: str) -> Path:
    """A path, `~` replaced."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path")
    return expand_user(text)


def input_name(text: str) -> str:
    """The name of an input: a path, `~` replaced, or another name that `inputs.py` knows."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name")
    return str(expand_user(text)) if text.startswith("~") else text


def function_name(text: str) -> str:
    """The name of a function, or FILE:NAME."""
    if not _FUNCTION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a function (NAME or FILE:NAME)")
    return text


def positive(text: str) -> float:
    """A number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def positive_int(text: str) -> int:
    """A whole number above zero."""
    value = int(text) if text.isdecimal() else 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def sha256(text: str) -> str:
    """64 hexadecimal digits, in lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text} is no sha256: 64 hexadecimal digits")
    return text.lower()
