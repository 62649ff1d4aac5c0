"""`analyze comment`: posts a Markdown file as a comment on the pull request of a CI job, or updates it."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path

from analyzer.adapters import code_host
from analyzer.adapters.bounded_files import read_bounded
from analyzer.ci.pull_request import NoPullRequest, PullRequestComments, pull_request_comments
from analyzer.commands.parser import Parser, path
from analyzer.console import Console
from analyzer.errors import AnalyzerError, ExitStatus
from reports.ci.markdown import COMMENT_MARKER

EXAMPLES = """\
  analyze comment callchain-ci/diff.md
  analyze comment callchain-ci/diff.md --name release"""
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)", re.MULTILINE)
_NOT_IN_A_MARKER = re.compile(r"[^\w.+]+")
_MAX_LENGTH = 1 << 24  # characters of a comment, or of the event of a job
_ROOM_TO_CLOSE = 200  # characters of what `_closing_markdown` adds


def add_options(parser: Parser) -> None:
    """Add the arguments of `comment` to its parser: the file, and which comment it is."""
    parser.add_argument("file", type=path, metavar="FILE.md", help="Markdown file to post")
    parser.add_argument("--update-only", action="store_true", help="update an existing comment, but create none")
    parser.add_argument(
        "--name",
        default="",
        metavar="JOB",
        help="name of this job: jobs of different names have comments of their own (default: no name)",
    )


def run(options: argparse.Namespace) -> ExitStatus:
    """Post or update the comment, and print what was done.

    Returns DONE, also when the job has no pull request or its token may not comment: a line says so. AnalyzerError
    when the file cannot be read or the server fails.
    """
    return comment(options.file, options.update_only, options.name)


def comment(
    file: Path, update_only: bool = False, name: str = "", environment: Mapping[str, str] = os.environ
) -> ExitStatus:
    """Post the Markdown in `file` as the comment of the job `name`, or update that comment.

    With `update_only` no comment is created. `environment` are the variables of the CI job. Returns DONE, also
    when the job has no pull request or may not comment. AnalyzerError when the file cannot be read or the server
    fails.
    """
    console = Console()
    text = _read(file)
    pull_request = pull_request_comments(environment, _event(environment.get("GITHUB_EVENT_PATH", "")))
    if isinstance(pull_request, NoPullRequest):
        console.say(f"Warning: {pull_request.reason}" if pull_request.warning else pull_request.reason)
        return ExitStatus.DONE
    try:
        done = code_host.post(pull_request, body(text, pull_request, name), update_only)
    except code_host.PermissionDeniedError as error:
        console.say(f"Warning: {error.message} {error.hint}")
        return ExitStatus.DONE
    console.say(f"The comment on {pull_request.name} {done}.")
    return ExitStatus.DONE


def body(text: str, pull_request: PullRequestComments, name: str = "") -> str:
    """The text of the comment: the marker of the job `name`, then `text`, cut to the server's limit."""
    text = text.removeprefix(COMMENT_MARKER).lstrip("\n")
    whole = f"{_marker(name)}\n{text}"
    if len(whole) <= pull_request.max_length:
        return whole
    where = f"[the report]({pull_request.job_url})" if pull_request.job_url else "the report"
    end = f"\n\n… more in {where}.\n"
    beginning = whole[: pull_request.max_length - len(end) - _ROOM_TO_CLOSE].rpartition("\n")[0]
    return beginning + _closing_markdown(beginning) + end


def _marker(name: str) -> str:
    """The first line of the comment of the job `name`, which identifies it; COMMENT_MARKER for ""."""
    return COMMENT_MARKER.replace(" -->", f" {_NOT_IN_A_MARKER.sub('-', name)} -->") if name else COMMENT_MARKER


def _closing_markdown(text: str) -> str:
    """The Markdown that closes the code blocks and <details> elements that `text` leaves open."""
    fences = _FENCE.findall(text)
    folded = min(10, text.count("<details") - text.count("</details>"))
    return (f"\n{fences[-1]}" if len(fences) % 2 else "") + "\n\n</details>" * folded


def _read(file: Path) -> str:
    try:
        return read_bounded(file, _MAX_LENGTH)
    except OSError as error:
        raise AnalyzerError(f"{file} cannot be read: {error.strerror}.", "Give a Markdown file.") from None


def _event(path: str) -> str:
    """The JSON of the event that started the GitHub job; "" when the file cannot be read."""
    try:
        return read_bounded(Path(path), _MAX_LENGTH) if path else ""
    except OSError:
        return ""
