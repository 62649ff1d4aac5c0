"""What the parsers of all verbs share: usage errors, options of several verbs, and types of options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from analyzer.errors import UsageError
from analyzer.text import expand_user

EXIT_STATUS = """\
exit status:
  0 done; 2 usage error; 3 could not run; 129 terminal closed; 130 interrupted; 143 terminated"""
RECORDING_EXIT_STATUS = """\
exit status:
  0 done; 2 usage error; 3 could not run; 4 the recording is incomplete: a required milestone was not reached, or
  the run ended early; 129 terminal closed; 130 interrupted; 143 terminated"""
ALL_EXIT_STATUSES = """\
exit status:
  0 done; 1 differs (diff, baseline), no path (paths); 2 usage error; 3 could not run, or not comparable;
  4 incomplete recording (startup, io); 129 terminal closed (SIGHUP); 130 interrupted (SIGINT); 143 terminated
  (SIGTERM). For bisect see analyze bisect --help"""
INPUT_HELP = "an output folder, a recording, a graph.json, a baseline, a backtrace, reference:1.6.0, or - (stdin)"
SEVERAL_INPUTS = "several, of one build of QEMU, are merged"
_FUNCTION = re.compile(r"(?:[\w./-]+:)?[A-Za-z_~][\w:~<>$]*")
MANY_BREAKPOINTS = 2000  # of globs of --break: more need --yes, or an answer on a terminal
_Options = TypeVar("_Options")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError for an invalid command line instead of exiting."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does; an optional argument may also follow options: `show INPUT --pointers FUNC`.

        argparse gives an optional argument its default as soon as an option follows the arguments before it.
        """
        known, rest = super().parse_known_args(args, namespace)
        optional = [action for action in self._actions if not action.option_strings and action.nargs == "?"]
        if len(optional) == len(rest) == 1 and not rest[0].startswith("-"):
            action = optional[0]
            if getattr(known, action.dest, None) == action.default:
                setattr(known, action.dest, self._get_values(action, rest))
                return known, []
        return known, rest

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's message; `cli.main` prints it like other errors."""
        hint = " A path that begins with - is written as ./-NAME." if "expected one argument" in message else ""
        raise UsageError(f"{message}.", f"See {self.prog} --help.{hint}")


def checked_by(check: Callable[[str], str]) -> Callable[[str], str]:
    """The type of an option whose value `check` returns; its ValueError says what is wrong with the value."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def add_out_option(parser: Parser, metavar: str, help_text: str) -> None:
    """Add `-o`, `--out` and `--output`, one option for where a verb writes; its value is `options.out`."""
    parser.add_argument("-o", "--out", "--output", dest="out", type=path, metavar=metavar, help=help_text)


def add_json_option(parser: Parser, help_text: str = "print JSON, as --format json") -> None:
    """Add `--json` to a verb that prints data."""
    parser.add_argument("--json", action="store_true", help=help_text)


def requested_format(options: argparse.Namespace) -> str | None:
    """The value of `--format`, "json" for `--json`, None for neither. UsageError when they contradict."""
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


def add_format_option(parser: Parser, choices: Sequence[str]) -> None:
    """Add `--format` to a verb that writes several formats; None stands for the default."""
    parser.add_argument(
        "--format", choices=choices, help="output format (default: that of the suffix of -o FILE, else text)"
    )


def add_guest_option(parser: Parser) -> None:
    """Add `--guest` to a verb that records."""
    parser.add_argument(
        "--guest",
        default="tiny",
        metavar="tiny|IMAGE|KERNEL",
        help="guest to boot: the built-in tiny guest, a disk image or a Linux kernel (default: tiny)",
    )


def add_accelerator_option(parser: Parser) -> None:
    """Add `--accel` to a verb that records; its value is `options.accelerator`."""
    parser.add_argument(
        "--accel",
        dest="accelerator",
        choices=("kvm", "tcg"),
        default="kvm",
        help="accelerator of the guest (default: kvm; when KVM is not available, tcg is not used instead)",
    )


def add_timeout_option(parser: Parser) -> None:
    """Add `--timeout`, in seconds, to a verb that records."""
    parser.add_argument(
        "--timeout",
        type=positive,
        default=60.0,
        metavar="S",
        help="seconds until all required milestones must be reached (default: 60)",
    )


def describe(parser: Parser, help_text: str, examples: str, exit_status: str = EXIT_STATUS) -> None:
    """Give a verb's parser its description, and examples and exit statuses at the end of its help."""
    parser.description = help_text[0].upper() + help_text[1:] + "."
    parser.epilog = f"examples:\n{examples}\n\n{exit_status}"


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
    """The path in `text`, with `~` replaced. An empty text is a usage error."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    named = expand_user(text)
    # pathlib cuts `./`; another program would take the rest for an option, or look for it in PATH.
    return Path.cwd() / named if named.parts and named.parts[0].startswith("-") else named


def folder(text: str) -> Path:
    """The path of a folder in `text`, with `~` replaced. What is missing or no folder is a usage error."""
    named = path(text)
    if not named.is_dir():
        raise argparse.ArgumentTypeError(f"{text} {'is not a folder' if named.exists() else 'does not exist'}")
    return named


def input_name(text: str) -> str:
    """The name of an input, as `inputs.open_input` takes it, with `~` replaced. An empty text is a usage error."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty")
    return str(expand_user(text)) if text.startswith("~") else text


def function_name(text: str) -> str:
    """The name of a function, or FILE:NAME, unchanged. Other text is a usage error."""
    if not _FUNCTION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a function (NAME or FILE:NAME)")
    return text


def break_pattern(text: str) -> str:
    """A function, or a glob of functions or of files, unchanged, as `parse_break` reads it. Other text is a usage
    error."""
    from analyzer.recording.break_patterns import parse_break

    try:
        parse_break(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def positive(text: str) -> float:
    """The number in `text`, which must be finite and above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def positive_int(text: str) -> int:
    """The whole number in `text`, which must be above zero."""
    value = int(text) if text.isdecimal() else 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return value


def process_id(text: str) -> int:
    """The id of a process in `text`. Other text is a usage error."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a process, a number")
    return int(text)


def file_mode(text: str) -> int:
    """The type of options that are permissions in octal, as for chmod: 0 to 777, with those of the user."""
    if not re.fullmatch("0?[0-7]{3}", text) or int(text, 8) & 0o700 != 0o700:
        raise argparse.ArgumentTypeError(f"{text!r} is not three octal digits, of which the first is 7")
    return int(text, 8)


def sha256(text: str) -> str:
    """The 64 hexadecimal digits in `text`, in lower case. Other text is a usage error."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no sha256: it has 64 hexadecimal digits")
    return text.lower()
