"""The page of the comparison of three or more versions: a table for each milestone."""

from __future__ import annotations

from dataclasses import dataclass

from reports.versions import ChainTable, VersionsComparison, step_lines, version_lines


@dataclass(frozen=True)
class VersionsPage:
    """What the page shows; its tables are those of the comparison."""

    title: str
    names: tuple[str, ...]  # of the versions
    versions: tuple[str, ...]  # a sentence about each
    key: str
    tables: tuple[ChainTable, ...]
    steps: tuple[tuple[str, str], ...]


def build_versions_page(comparison: VersionsComparison) -> VersionsPage:
    """Return the data of the page."""
    names = tuple(version.name for version in comparison.versions)
    lines, steps = tuple(version_lines(comparison)), tuple(step_lines(comparison))
    title = f"Call chains of {len(names)} QEMUs"
    return VersionsPage(title, names, lines, comparison.key, comparison.tables, steps)
