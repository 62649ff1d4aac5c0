"""Draws DOT text as SVG with the program `dot` of Graphviz."""

from __future__ import annotations

import shutil

import graphviz

from analyzer.adapters.process import CommandTimeoutError, capture
from analyzer.errors import AnalyzerError

INSTALL_HINT = "Install it: apt install graphviz (or dnf install graphviz, pacman -S graphviz)."


def render_svg(dot: str) -> str:
    """Draw the DOT text `dot`; returns an SVG document. AnalyzerError when graphviz is not installed or fails."""
    if shutil.which("dot") is None:
        raise AnalyzerError("graphviz is not installed: no graph can be drawn.", INSTALL_HINT)
    try:
        return str(graphviz.Source(dot).pipe(format="svg", encoding="utf-8"))
    except graphviz.CalledProcessError as error:
        raise AnalyzerError(f"graphviz could not draw the graph: {error.stderr}") from None


def svg_or_reason(dot: str) -> tuple[str, str]:
    """The drawing of the DOT text `dot` as (SVG, ""), or ("", the reason why there is none)."""
    try:
        return render_svg(dot), ""
    except AnalyzerError as error:
        return "", f"{error.message} {error.hint}"


def version() -> str:
    """The version that `dot -V` prints, as in "graphviz version 2.43.0 (0)". AnalyzerError when it cannot run."""
    try:
        answer = capture(["dot", "-V"], timeout=20)
    except (OSError, CommandTimeoutError) as error:
        raise AnalyzerError(f"`dot -V` cannot be run: {error}.", INSTALL_HINT) from None
    return answer.stderr.strip().removeprefix("dot - ")
