"""`analyze ci`: prints or writes the templates for CI jobs."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from analyzer.commands.parser import Parser, add_out_option
from analyzer.console import print_line, print_text
from analyzer.errors import AnalyzerError, ExitStatus
from analyzer.files import write_text

EXAMPLES = """\
  analyze ci github -o .github/workflows/callchain.yml
  analyze ci gitlab -o callchain.gitlab-ci.yml
  analyze ci script -o callchain.sh && QEMU=build/qemu-system-x86_64 sh callchain.sh"""
TEMPLATES = {
    "github": ("analyzer.ci", "github.yml"),
    "gitlab": ("analyzer.ci", "gitlab.yml"),
    "script": ("analyzer.ci", "callchain.sh"),
    "packages": ("analyzer.build", "packages.sh"),
}


def add_options(parser: Parser) -> None:
    """Add the arguments of `ci` to its parser: the template, and the file to write."""
    parser.add_argument(
        "what",
        choices=("github", "gitlab", "script", "packages"),
        metavar="github|gitlab|script|packages",
        help="template: a GitHub workflow, a GitLab job, the script that both run, or the script that installs "
        "the packages they need",
    )
    add_out_option(parser, "FILE", "write to FILE instead of standard output")


def run(options: argparse.Namespace) -> ExitStatus:
    """Print the template; with `-o` write it, and print the name of the file.

    Returns DONE. AnalyzerError when the file exists with another content, or cannot be written.
    """
    if options.out is None:
        print_text(template(options.what))
    else:
        write_template(options.what, options.out)
        print_line(options.out)
    return ExitStatus.DONE


def template(name: str) -> str:
    """The text of the template `name`, a key of TEMPLATES."""
    package, file = TEMPLATES[name]
    return files(package).joinpath(file).read_text(encoding="utf-8")


def write_template(name: str, output: Path) -> None:
    """Write the template `name` to `output`, and make its folder.

    AnalyzerError when the file exists with another content: it may have been edited.
    """
    text = template(name)
    if output.is_file() and output.read_text(encoding="utf-8", errors="replace") != text:
        raise AnalyzerError(
            f"{output} exists and differs from the template; it is kept.",
            f"To see the differences: analyze ci {name} | diff {output} -",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(output, text)
