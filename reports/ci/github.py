"""A verdict as workflow commands of GitHub Actions: annotations at the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.policy.verdict import JudgedDiff
from analyzer.text import number_of
from reports.findings import Finding, Level, findings
from reports.text.sentences import summary

# GitHub shows ten annotations of each kind for a step and drops the others without a word.
MOST = {Level.ERROR: 10, Level.WARNING: 10, Level.NOTICE: 3}


def render(verdict: JudgedDiff) -> str:
    """A command for each finding that is shown, worst first; the last line says the whole in plain text."""
    told = findings(verdict)
    lines: list[str] = []
    left: list[str] = []
    for level, most in MOST.items():
        found = [item for item in told if item.level is level]
        lines += _commands(found, most)
        if len(found) > most:
            left.append(number_of(len(found) - most + 1, level.value))
    more = f" Not annotated: {', '.join(left)}." if left else ""
    return "\n".join([*lines, summary(verdict) + more]) + "\n"


def _commands(found: list[Finding], most: int) -> Iterator[str]:
    """One of those shown says how many are not."""
    kept = found if len(found) <= most else found[: most - 1]
    yield from map(_command, kept)
    if len(found) > len(kept):
        more = len(found) - len(kept)
        yield f"::{found[0].level} title=qemu-callchain::{more} more; see the report"


def _command(item: Finding) -> str:
    properties = {
        "file": item.file,
        "line": str(item.line) if item.file and item.line else "",
        "title": item.check.value,
    }
    words = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{item.level} {words}::{_data(item.text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
