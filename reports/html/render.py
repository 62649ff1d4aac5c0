"""Renders each page as one HTML file that needs no network."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from analyzer.text import visible
from reports.html.document_builder import embedded_json

if TYPE_CHECKING:
    from analyzer.policy.verdict import JudgedDiff
    from reports.versions import VersionsComparison

_BEFORE_SVG = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)


def render(document: dict[str, Any]) -> str:
    """Return the HTML text of the report page; `document` comes from `page_document`.

    Its policy allows the script and the style of the page by their hashes, and nothing else.
    """
    parts = load_report_parts()
    return parts.template.render(
        title=document["page"]["title"],
        language=document["page"]["language"],
        policy=Markup(_policy(parts)),
        document=Markup(embedded_json(document)),
        style=parts.style,
        script=parts.script,
    )


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
def load_report_parts() -> Parts:
    """Read the template of the report page, and the style and the script that `make web` bundles."""
    built = files("reports") / "web" / "built"
    style, script = (Markup((built / name).read_text(encoding="utf-8")) for name in ("report.css", "report.js"))
    return Parts(_environment().get_template("report.html"), style, script)


def _policy(parts: Parts) -> str:
    """Return the Content-Security-Policy: nothing is loaded; one script and one style are allowed."""
    script, style = (_hash(text) for text in (parts.script, parts.style))
    return f"default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def load_parts(template: str, styles: tuple[str, ...], scripts: tuple[str, ...]) -> Parts:
    """Read and compile the parts of the comparison page."""
    environment = _environment()
    loader = environment.loader
    assert loader is not None
    style, script = (
        Markup("").join(Markup(loader.get_source(environment, name)[0]) for name in names)
        for names in (styles, scripts)
    )
    return Parts(environment.get_template(template), style, script)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inline_svg(svg: str) -> str:
    """Return the SVG from its root element on, as HTML embeds it; "" without a root element."""
    return _BEFORE_SVG.sub("", svg) if "<svg" in svg else ""


def _fill(parts: Parts, page: object, svg: str) -> str:
    html = parts.template.render(page=page, svg=Markup(inline_svg(svg)), style=parts.style, script=parts.script)
    return visible(html)  # control characters are not allowed in HTML; the JSON in the page is ASCII
