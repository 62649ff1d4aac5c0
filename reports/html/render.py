"""Renders each page as one HTML file that needs no network."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from analyzer.text import visible
from reports.html.report_page import ReportPage

if TYPE_CHECKING:
    from analyzer.policy.verdict import JudgedDiff
    from reports.versions import VersionsComparison

_BEFORE_SVG = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)


def render(page: ReportPage) -> str:
    """Return the HTML text of the report page; all texts are escaped but the SVG, which Graphviz wrote."""
    return _fill(load_parts(), page, page.svg)


def render_diff(verdict: JudgedDiff, svg: str, svg_missing: str) -> str:
    """Return the HTML text of the comparison page.

    `svg` is the drawing of the merged graph, "" with the reason in `svg_missing`.
    """
    from reports.html.diff_data import build_diff_page  # a report of recordings does not wait for it

    page = build_diff_page(verdict, svg, svg_missing)
    return _fill(load_parts("diff.html", ("report.css", "diff.css"), ("canvas.js", "diff.js")), page, svg)


def render_versions(comparison: VersionsComparison) -> str:
    """Return the HTML text of the page of three or more versions."""
    from reports.html.versions_page import build_versions_page

    parts = load_parts("versions.html", ("report.css", "versions.css"), ("versions.js",))
    return _fill(parts, build_versions_page(comparison), "")


class Parts(NamedTuple):
    """The template, style and script that a page consists of besides its data."""

    template: Template
    style: Markup
    script: Markup


@cache
def load_parts(
    template: str = "report.html",
    styles: tuple[str, ...] = ("report.css",),
    scripts: tuple[str, ...] = ("canvas.js", "report.js"),
) -> Parts:
    """Read and compile the parts of a page; the result is cached, so that a caller can load them early."""
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
    """Return the SVG from its root element on, as HTML embeds it; "" without a root element."""
    return _BEFORE_SVG.sub("", svg) if "<svg" in svg else ""


def _fill(parts: Parts, page: object, svg: str) -> str:
    html = parts.template.render(page=page, svg=Markup(inline_svg(svg)), style=parts.style, script=parts.script)
    return visible(html)  # control characters are not allowed in HTML; the JSON in the page is ASCII
