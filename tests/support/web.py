"""A report page in the browser: its views, its tables, and what it said and asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


class Page:
    """A report page that a Chromium shows."""

    def __init__(self, browser: Any, file: Path) -> None:
        self.browser = browser
        self.file = file

    def open(self, address: str = "") -> Page:
        """Load the page anew, with `address` as the hash."""
        self.browser.get("about:blank")
        self.browser.get(f"file://{self.file}{f'#{address}' if address else ''}")
        return self

    def find(self, selector: str) -> Any:
        """The first element that the CSS selector matches."""
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that the CSS selector matches."""
        script = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)"
        return list(self.browser.execute_script(script, selector))

    def evaluate(self, expression: str, *arguments: object) -> Any:
        """The value of a JavaScript expression."""
        return self.browser.execute_script(f"return {expression}", *arguments)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; TimeoutException after ten seconds."""
        WebDriverWait(self.browser, 10).until(lambda _: condition())

    def press(self, keys: str) -> None:
        """Press keys where the focus is."""
        self.browser.switch_to.active_element.send_keys(keys)

    def hash(self) -> str:
        """The hash of the address."""
        return str(self.evaluate("location.hash"))

    def view_names(self) -> list[str]:
        """The names of the views that the page offers, in the order of the tabs; the first one is overview."""
        hrefs = self.evaluate("[...document.querySelectorAll('.tabs a')].map(a => a.getAttribute('href'))")
        return [href.partition("view=")[2].partition("&")[0] or "overview" for href in hrefs]

    def show(self, view: str) -> None:
        """Show a view by its tab."""
        self.find(f".tabs a[href*='view={view}']" if view != "overview" else ".tabs a").click()

    def table(self, columns: int) -> list[list[str]]:
        """All rows of the view's table: it is scrolled through, since only visible rows are in the DOM.

        A busy machine sends scroll events late, so one is sent here.
        """
        found: dict[int, list[str]] = {}
        script = """
          const table = document.querySelector('.table'); table.scrollTop = arguments[0];
          table.dispatchEvent(new Event('scroll'));
          return [table.scrollHeight, table.clientHeight];
        """
        top = 0
        while True:
            height, shown = self.browser.execute_script(script, top)
            for position, cells in self.evaluate(
                "[...document.querySelectorAll('.table-rows .table-row')]"
                ".map(row => [Number(row.dataset.position), [...row.children].map(cell => cell.textContent)])"
            ):
                assert len(cells) == columns
                found[position] = cells
            if top + shown >= height:
                return [found[position] for position in sorted(found)]
            top += max(60, shown - 60)

    def assert_quiet(self) -> None:
        """The console is empty, and nothing was requested."""
        said = [entry["message"] for entry in self.browser.get_log("browser")]
        assert not said, said
        assert self.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)") == []

    def sideways(self) -> int:
        """By how many pixels the page is wider than the window."""
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.evaluate(width))
