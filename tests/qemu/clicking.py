"""Actions in the browser, for the tests of the pages."""

from __future__ import annotations

from selenium.webdriver.common.by import By


def opened(browser, address):
    """Load `address` from a blank page, so that no state of a previous page is left; return the browser."""
    browser.get("about:blank")
    browser.get(address)
    return browser


def find(page, selector):
    """Return the first element that the CSS selector matches."""
    return page.find_element(By.CSS_SELECTOR, selector)


def find_all(page, selector):
    """Return all elements that the CSS selector matches."""
    return page.find_elements(By.CSS_SELECTOR, selector)


def visible(page, selector):
    """Return the displayed elements that the CSS selector matches."""
    return [element for element in find_all(page, selector) if element.is_displayed()]


def scroll_to(page, element):
    """Scroll the element into view and return it."""
    page.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", element)
    return element


def click(page, selector):
    """Scroll to the first element that the CSS selector matches, and click it."""
    scroll_to(page, find(page, selector)).click()
