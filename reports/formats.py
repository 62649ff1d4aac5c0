"""The formats in which `analyze diff` writes a judged comparison. README.md in this folder describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from analyzer.policy.verdict import JudgedDiff
from reports.ci import github, gitlab, json_document, junit, markdown, sarif
from reports.text import diff


@dataclass(frozen=True)
class DiffFormat:
    """A format: the function that writes it, and the endings of file names that select it."""

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
"""The formats by their name on the command line, the value of `--format`."""


def format_of(file_name: str) -> str:
    """Return the name of the format with the longest suffix that `file_name` ends in; "" when none matches."""
    return named_by_suffix(file_name, {name: diff_format.suffixes for name, diff_format in FORMATS.items()})


def named_by_suffix(file_name: str, suffixes: Mapping[str, Iterable[str]]) -> str:
    """Return the key of `suffixes` that has the longest suffix of `file_name`, in any case; "" when none has."""
    lower = file_name.lower()
    matches = [(len(end), name) for name, ends in suffixes.items() for end in ends if lower.endswith(end)]
    return max(matches, default=(0, ""))[1]
