"""What `diff` does with three or more inputs: compares each with the one before, and writes one table of all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from analyzer.commands.comparison import (
    ComparisonTerms,
    OutputOptions,
    compare_sources,
    exit_status,
    text_style,
    write_result,
)
from analyzer.diff.change import NamedGraph
from analyzer.diff.versions import align_versions
from analyzer.errors import ExitStatus, UsageError
from analyzer.policy.verdict import Verdict
from reports.html.render import render_versions
from reports.json.versions import versions_json
from reports.text import versions as text
from reports.versions import VersionsComparison
from reports.versions import compare_versions as tables_of

_FORMATS = ("text", "json", "md", "html")
_WORST_FIRST = (Verdict.DIFFERS, Verdict.NOT_COMPARABLE, Verdict.SAME)


def compare_versions(graphs: Sequence[NamedGraph], terms: ComparisonTerms, output: OutputOptions) -> ExitStatus:
    """Compare each of `graphs` with the one before, write the tables, and return the status of the worst verdict.

    UsageError for a format that takes two inputs; AnalyzerError when the file cannot be written.
    """
    if output.format not in _FORMATS:
        raise UsageError(
            f"--format {output.format} takes two inputs.",
            f"Of three or more: --format {'|'.join(_FORMATS)}; or compare two of them at a time.",
        )
    judged = [compare_sources(old, new, terms) for old, new in pairwise(graphs)]
    chains = align_versions(graphs, terms.names, terms.kernel)
    write_result(_rendered(tables_of(chains, [graph.side for graph in graphs], judged), output), output)
    verdicts = {each.verdict for each in judged}
    return exit_status(next(verdict for verdict in _WORST_FIRST if verdict in verdicts))


def _rendered(comparison: VersionsComparison, output: OutputOptions) -> str:
    if output.format == "json":
        return versions_json(comparison)
    if output.format == "md":
        return text.render_markdown(comparison)
    if output.format == "html":
        return render_versions(comparison)
    return text.render(comparison, *text_style(output), output.full)
