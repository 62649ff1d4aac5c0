"""What the tests of the pages do in the browser."""

from __future__ import annotations

from selenium.webdriver.common.by import By


def opened(browser, address):
    """The page at `address`, as if nothing had been looked at before."""
    browser.get("about:blank")
    browser.get(address)
    return browser


def find(page, selector):
    """The first element of this selector."""
    return page.find_element(By.CSS_SELECTOR, selector)


def find_all(page, selector):
    """All elements of this selector."""
    return page.find_elements(By.CSS_SELECTOR, selector)


def visible(page, selector):
    """Those of them that can be seen."""
    return [element for element in find_all(page, selector) if element.is_displayed()]


def scroll_to(page, element):
    """Bring the element into view; returns it."""
    page.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", element)
    return element


def click(page, selector):
    """Click the element of this selector, wherever on the page it is."""
    scroll_to(page, find(page, selector)).click()
