"""Writes a judged comparison as workflow commands of GitHub Actions, which annotate lines of a pull request.

The commands and their escapes are in the GitHub documentation, "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.policy.verdict import JudgedDiff
from analyzer.text import number_of
from reports.findings import Finding, Level, findings
from reports.text.sentences import summary

# GitHub documents 10 errors and 10 warnings per step (REST API, "Check runs") and drops further ones silently.
ANNOTATION_LIMITS = {Level.ERROR: 10, Level.WARNING: 10, Level.NOTICE: 3}


def render(verdict: JudgedDiff) -> str:
    """Return a command for each annotated finding, worst first, and the summary as the last line.

    The summary has the number of findings that are not annotated because of `ANNOTATION_LIMITS`.
    """
    all_findings = findings(verdict)
    lines: list[str] = []
    not_annotated: list[str] = []
    for level, limit in ANNOTATION_LIMITS.items():
        of_level = [finding for finding in all_findings if finding.level is level]
        lines += _commands(of_level, limit)
        if len(of_level) > limit:
            not_annotated.append(number_of(len(of_level) - limit + 1, level.value))
    omitted = f" Not annotated: {', '.join(not_annotated)}." if not_annotated else ""
    return "\n".join([*lines, summary(verdict) + omitted]) + "\n"


def _commands(of_level: list[Finding], limit: int) -> Iterator[str]:
    """Yield the commands of one level; beyond `limit` the last command has the number of omitted findings."""
    annotated = of_level if len(of_level) <= limit else of_level[: limit - 1]
    yield from map(_command, annotated)
    if len(of_level) > len(annotated):
        omitted = len(of_level) - len(annotated)
        yield f"::{of_level[0].level} title=qemu-callchain::{omitted} more; see the report"


def _command(finding: Finding) -> str:
    properties = {
        "file": finding.file,
        "line": str(finding.line) if finding.file and finding.line else "",
        "title": finding.check.value,
    }
    property_list = ",".join(f"{name}={_escaped_property(value)}" for name, value in properties.items() if value)
    return f"::{finding.level} {property_list}::{_escaped_message(finding.text)}"


def _escaped_message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(text: str) -> str:
    return _escaped_message(text).replace(":", "%3A").replace(",", "%2C")
