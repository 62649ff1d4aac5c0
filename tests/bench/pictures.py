"""The pictures of the README and the documentation: pages of the gallery, as a headless Chromium shows them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.conftest import need_tool

GALLERY = Path(__file__).parents[2] / "reports" / "gallery"
_SECONDS = 1.0  # until a page has drawn all


@dataclass(frozen=True)
class Picture:
    """A picture of a page of the gallery: the file, the page with its hash, the size of the window in pixels."""

    file: str
    page: str
    width: int = 1280
    height: int = 800


PICTURES = (
    Picture("story.png", "startup-7.2.22.html#view=overview"),
    Picture("graph.png", "startup-7.2.22.html#view=graph&from=main&to=kvm_init", height=700),
    Picture("io.png", "io-7.2.22.html#view=io&access=2", height=860),
    Picture("diff.png", "diff-5.2.0-7.2.22.html#chains", height=720),
)


def take_pictures(folder: Path = GALLERY) -> None:
    """Write each picture into `folder`, which has the pages."""
    options = webdriver.ChromeOptions()
    options.binary_location = need_tool("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    browser = webdriver.Chrome(options, Service(need_tool("chromedriver")))
    try:
        for picture in PICTURES:
            browser.set_window_size(picture.width, picture.height)
            browser.get("about:blank")
            browser.get(f"{folder.as_uri()}/{picture.page}")
            time.sleep(_SECONDS)
            browser.save_screenshot(str(folder / picture.file))
            print(folder / picture.file)
    finally:
        browser.quit()


if __name__ == "__main__":
    take_pictures()
