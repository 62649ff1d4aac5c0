"""A verdict becomes text: one file for each format. See README.md here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analyzer.policy.verdict import JudgedDiff
from reports.ci import github, gitlab, json_document, junit, markdown, sarif
from reports.text import diff


@dataclass(frozen=True)
class DiffFormat:
    """A way to write a verdict, and the ends of file names that choose it."""

    render: Callable[[JudgedDiff], str]
    suffixes: tuple[str, ...] = ()


FORMATS = {
    "text": DiffFormat(diff.render, (".txt",)),
    "json": DiffFormat(json_document.render, (".json",)),
    "md": DiffFormat(markdown.render, (".md", ".markdown")),
    "github": DiffFormat(github.render),
    "gitlab": DiffFormat(gitlab.render, ("quality.json", "quality-report.json")),
    "junit": DiffFormat(junit.render, (".xml",)),
    "sarif": DiffFormat(sarif.render, (".sarif", ".sarif.json")),
}
"""By the word of `--format`."""


def format_of(file_name: str) -> str:
    """The word of `--format` that the file's name stands for: its longest end that is known; "" for none."""
    matches = [
        (len(suffix), name)
        for name, diff_format in FORMATS.items()
        for suffix in diff_format.suffixes
        if file_name.lower().endswith(suffix)
    ]
    return max(matches, default=(0, ""))[1]
