"""Writes the comparison of three or more versions as a JSON document."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from reports.json.document import document
from reports.text.sentences import summary
from reports.versions import ChainTable, FunctionRow, VersionsComparison

# History of the format:
# 1  first
SCHEMA = 1


def versions_json(comparison: VersionsComparison) -> str:
    """Return the document with a line end: `versions`, `chains` and `steps`.

    Each version has `name` and `provenance`. A chain has `milestone`, `title`, `threads` (one a version, "" where
    it is not reached) and `functions`: each with its `names` and `cells`, one for each version, with
    `present`, `arrow` of the call ("" for the outermost function), `file`, `sign` and `change` in words ("" for
    none). A step has `old`, `new`, the `verdict` of that comparison and its `summary`.
    """
    versions = [{"name": it.name, "provenance": vars(it.provenance)} for it in comparison.versions]
    steps = [
        {"old": old.name, "new": new.name, "verdict": judged.verdict.value, "summary": summary(judged)}
        for (old, new), judged in zip(pairwise(comparison.versions), comparison.steps, strict=True)
    ]
    chains = list(map(_chain_object, comparison.tables))
    return document("versions", SCHEMA, versions=versions, chains=chains, steps=steps)


def _chain_object(table: ChainTable) -> dict[str, Any]:
    return {
        "milestone": table.milestone,
        "title": table.title,
        "threads": list(table.threads),
        "functions": list(map(_function_object, table.rows)),
    }


def _function_object(row: FunctionRow) -> dict[str, Any]:
    return {
        "names": list(row.names),
        "cells": [
            {
                "present": cell.present,
                "arrow": cell.arrow,
                "file": cell.file,
                "sign": cell.sign,
                "change": cell.words,
            }
            for cell in row.cells
        ],
    }
