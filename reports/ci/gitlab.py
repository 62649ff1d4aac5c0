"""Writes a judged comparison as a Code Quality report, which GitLab shows in a merge request.

The format is in the GitLab documentation, "Code Quality", "Code Quality report format"
(docs.gitlab.com/ci/testing/code_quality): a JSON array of objects, each with a description, a check name, a
fingerprint, a severity, and a path with a line.
"""

from __future__ import annotations

import json
from typing import Any

from analyzer.diff.change import ChangeKind
from analyzer.policy.verdict import JudgedDiff
from reports.findings import Finding, FindingKind, Level, findings

# GitLab requires a path for each finding, and links to it. Findings without a source file share this path, which
# is the name of no file.
NO_FILE = "qemu"
_CRITICAL = {FindingKind.RULE_BROKEN, ChangeKind.CHAIN_REMOVED}


def render(verdict: JudgedDiff) -> str:
    """Return the report with a line end, worst finding first.

    GitLab matches findings of two reports by fingerprint; it does not depend on lines, which other changes move.
    """
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
