"""The page as one HTML file that needs no network."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from reports.page import Page

_BEFORE_SVG = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)


def render(page: Page) -> str:
    """The HTML text. The SVG is graphviz's own output and goes in as it is; all else is escaped."""
    parts = load_parts()
    return parts.template.render(
        page=page, svg=Markup(inline_svg(page.svg)), style=parts.style, script=parts.script
    )


class Parts(NamedTuple):
    """What a page is made of besides its data."""

    template: Template
    style: Markup
    script: Markup


@cache
def load_parts() -> Parts:
    """Read and compile them; once, and at a time of the caller's choice."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    assert environment.loader is not None
    style, script = (
        Markup(environment.loader.get_source(environment, name)[0]) for name in ("report.css", "report.js")
    )
    return Parts(environment.get_template("report.html"), style, script)


def inline_svg(svg: str) -> str:
    """Graphviz's SVG without what comes before its root element, which has no place inside HTML."""
    return _BEFORE_SVG.sub("", svg) if "<svg" in svg else ""
