"""What MkDocs shows besides `docs/`: README.md, CONTRIBUTING.md and `reports/gallery`.

Links in the Markdown files are those of the repository, so that they work on a code host, too. Here they become
those of the site.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "reports" / "gallery"
PAGES = {"index.md": ROOT / "README.md", "contributing.md": ROOT / "CONTRIBUTING.md"}
_IN_GALLERY = "gallery/matrix.md"
_COMPARISON = re.compile(r"(?<=[(/])(diff-[\w.-]+)\.md(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and the gallery: its table as a page, the reports and pictures as they are."""
    for name, source in PAGES.items():
        files.append(File.generated(config, name, content=source.read_text(encoding="utf-8")))
    for source in sorted(GALLERY.iterdir()):
        if source.suffix in {".html", ".png"} or source.name == "matrix.md":
            files.append(File.generated(config, f"gallery/{source.name}", abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """The page's text with the links of the site."""
    return site_links(markdown, page.file.src_uri)


def site_links(markdown: str, page: str) -> str:
    """Turn links of the repository into links of the site.

    `page` is the page's place in the site. A comparison in the gallery is there as a page (`.html`), which the
    repository has beside the Markdown file that a code host shows.
    """
    if page in PAGES:
        markdown = markdown.replace("](docs/", "](").replace("](reports/gallery/", "](gallery/")
        markdown = markdown.replace("](CONTRIBUTING.md", "](contributing.md")
    elif page != _IN_GALLERY:
        markdown = markdown.replace("](../reports/gallery/", "](gallery/")
        markdown = markdown.replace("](../CONTRIBUTING.md", "](contributing.md")
    return _COMPARISON.sub(r"\1.html", markdown)
