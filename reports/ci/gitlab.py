"""A verdict as GitLab's Code Quality report, which a merge request shows."""

from __future__ import annotations

import json
from typing import Any

from analyzer.diff.change import ChangeKind
from analyzer.policy.verdict import JudgedDiff
from reports.findings import Finding, FindingKind, Level, findings

# GitLab wants a path for everything and links to it. What has no place in the sources gets a name that is no
# file's, one for all: they stand together, and nobody is led to a file that has nothing to do with it.
NO_FILE = "qemu"
_CRITICAL = {FindingKind.RULE_BROKEN, ChangeKind.CHAIN_REMOVED}


def render(verdict: JudgedDiff) -> str:
    """The report, a JSON array, worst first; fingerprints contain no lines."""
    return json.dumps([_issue(item) for item in findings(verdict)], indent=1) + "\n"


def _issue(item: Finding) -> dict[str, Any]:
    return {
        "description": item.text,
        "check_name": item.check.value,
        "fingerprint": item.fingerprint,
        "severity": _severity(item),
        "location": {"path": item.file or NO_FILE, "lines": {"begin": max(item.line, 1)}},
    }


def _severity(item: Finding) -> str:
    if item.level is Level.ERROR:
        return "critical" if item.check in _CRITICAL else "major"
    return "minor" if item.level is Level.WARNING else "info"
