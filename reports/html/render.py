"""The pages as one HTML file each that needs no network."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from analyzer.policy.verdict import JudgedDiff
from reports.html.diff_data import build_diff_page
from reports.html.report_page import ReportPage

_BEFORE_SVG = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)


def render(page: ReportPage) -> str:
    """The HTML text. The SVG is graphviz's own output and goes in as it is; all else is escaped."""
    return _fill(load_parts(), page, page.svg)


def render_diff(verdict: JudgedDiff, svg: str, svg_missing: str) -> str:
    """The HTML text of a comparison. `svg` is the drawing of the merged graph, "" with the reason beside it."""
    page = build_diff_page(verdict, svg, svg_missing)
    return _fill(load_parts("diff.html", ("report.css", "diff.css"), ("canvas.js", "diff.js")), page, svg)


class Parts(NamedTuple):
    """What a page is made of besides its data."""

    template: Template
    style: Markup
    script: Markup


@cache
def load_parts(
    template: str = "report.html",
    styles: tuple[str, ...] = ("report.css",),
    scripts: tuple[str, ...] = ("canvas.js", "report.js"),
) -> Parts:
    """Read and compile them; once, and at a time of the caller's choice."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loader = environment.loader
    assert loader is not None
    style, script = (
        Markup("").join(Markup(loader.get_source(environment, name)[0]) for name in names)
        for names in (styles, scripts)
    )
    return Parts(environment.get_template(template), style, script)


def inline_svg(svg: str) -> str:
    """Graphviz's SVG without what comes before its root element, which has no place inside HTML."""
    return _BEFORE_SVG.sub("", svg) if "<svg" in svg else ""


def _fill(parts: Parts, page: object, svg: str) -> str:
    return parts.template.render(page=page, svg=Markup(inline_svg(svg)), style=parts.style, script=parts.script)
