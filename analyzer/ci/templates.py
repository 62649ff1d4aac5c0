"""`analyze ci`: prints or writes what is ready-made for a CI."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from analyzer.errors import AnalyzerError
from analyzer.output_folder import write_text

TEMPLATES = {
    "github": ("analyzer.ci", "github.yml"),
    "gitlab": ("analyzer.ci", "gitlab.yml"),
    "script": ("analyzer.ci", "callchain.sh"),
    "packages": ("analyzer.build", "packages.sh"),
}


def template(name: str) -> str:
    """The text of one of TEMPLATES."""
    package, file = TEMPLATES[name]
    return files(package).joinpath(file).read_text(encoding="utf-8")


def write_template(name: str, output: Path) -> None:
    """Write it, folders included. AnalyzerError when something else is there: it may have been changed by hand."""
    text = template(name)
    if output.exists() and output.read_text(encoding="utf-8", errors="replace") != text:
        raise AnalyzerError(
            f"{output} is there already and is not the same; it is kept.",
            f"See what differs: analyze ci {name} | diff {output} -",
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(output, text)
