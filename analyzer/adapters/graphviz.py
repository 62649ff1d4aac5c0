"""Draws DOT text as SVG with the program `dot` of Graphviz."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from analyzer.adapters.process import CommandTimeoutError, capture
from analyzer.errors import AnalyzerError

INSTALL_HINT = "Install it: apt install graphviz (or dnf install graphviz, pacman -S graphviz)."


class Drawing:
    """A drawing that `dot` makes while the caller goes on."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process  # None: dot is not installed

    def svg(self) -> str:
        """Wait for the SVG document. AnalyzerError when graphviz is not installed or fails."""
        if self._process is None:
            raise AnalyzerError("graphviz is not installed: no graph can be drawn.", INSTALL_HINT)
        svg, messages = self._process.communicate()
        if self._process.returncode:
            raise AnalyzerError(f"graphviz could not draw the graph: {messages.strip()}")
        return svg

    def svg_or_reason(self) -> tuple[str, str]:
        """The drawing as (SVG, ""), or ("", the reason why there is none)."""
        try:
            return self.svg(), ""
        except AnalyzerError as error:
            return "", f"{error.message} {error.hint}"


@contextmanager
def drawing(dot: str) -> Iterator[Drawing]:
    """Start to draw the DOT text `dot`; the end of the block ends `dot`."""
    try:
        process = subprocess.Popen(
            ["dot", "-Tsvg"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    except FileNotFoundError:
        yield Drawing(None)
        return
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # dot has ended: its message and status say why
            process.stdin.write(dot)
            process.stdin.close()
        process.stdin = None  # communicate would write to it
        yield Drawing(process)
    finally:
        process.kill()
        process.communicate()


def render_svg(dot: str) -> str:
    """Draw the DOT text `dot`; returns an SVG document. AnalyzerError when graphviz is not installed or fails."""
    with drawing(dot) as drawn:
        return drawn.svg()


def svg_or_reason(dot: str) -> tuple[str, str]:
    """The drawing of the DOT text `dot` as (SVG, ""), or ("", the reason why there is none)."""
    with drawing(dot) as drawn:
        return drawn.svg_or_reason()


def version() -> str:
    """The version that `dot -V` prints, as in "graphviz version 2.43.0 (0)". AnalyzerError when it cannot run."""
    try:
        answer = capture(["dot", "-V"], timeout=20)
    except (OSError, CommandTimeoutError) as error:
        raise AnalyzerError(f"`dot -V` cannot be run: {error}.", INSTALL_HINT) from None
    return answer.stderr.strip().removeprefix("dot - ")
