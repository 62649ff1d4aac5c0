"""How a verb's parser is made: help that keeps its line breaks, errors that name the next step."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from analyzer.errors import UsageError

EXIT_STATUSES = """\
exit status: 0 done, 1 differs, 2 usage, 3 could not run, 4 ran but incomplete, 130 interrupted"""


class Parser(argparse.ArgumentParser):
    """Help keeps its line breaks, for the examples."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message}.", f"See {self.prog} --help.")

    def refuse(self, verb: str, message: str) -> None:
        """UsageError for options of a verb that do not go together."""
        raise UsageError(f"{message}.", f"See {self.prog} {verb} --help.")


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_verb(verbs: Verbs, name: str, help_text: str, examples: str) -> Parser:
    """A verb and its help, examples and exit statuses at its end."""
    return verbs.add_parser(
        name,
        help=help_text,
        description=help_text[0].upper() + help_text[1:] + ".",
        epilog=f"examples:\n{examples}\n\n{EXIT_STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
