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
    return json.dumps([_issue(finding) for finding in findings(verdict)], indent=1) + "\n"


def _issue(finding: Finding) -> dict[str, Any]:
    return {
        "description": finding.text,
        "check_name": finding.check.value,
        "fingerprint": finding.fingerprint,
        "severity": _severity(finding),
        "location": {"path": finding.file or NO_FILE, "lines": {"begin": max(finding.line, 1)}},
    }


def _severity(finding: Finding) -> str:
    if finding.level is Level.ERROR:
        return "critical" if finding.check in _CRITICAL else "major"
    return "minor" if finding.level is Level.WARNING else "info"
