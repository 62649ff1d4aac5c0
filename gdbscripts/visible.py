"""Escapes control characters in text for people. Shared by both sides."""

from __future__ import annotations

import unicodedata

_UNCHANGED = "\n\t"
# Control and formatting characters, such as bidirectional overrides; surrogates; line and paragraph separators.
_NONCHARACTERS = "\ufffe\uffff"  # XML does not allow them
_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def visible(text: str) -> str:
    """Return `text` with control and formatting characters escaped, as in `\\x1b`; line ends and tabs stay.

    Names in a program and the output of a guest must not control the terminal or the writing direction of a page.
    """
    if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(_escaped(char) if is_control(char) else char for char in text)


def is_control(char: str) -> bool:
    """Return whether `visible` escapes the character `char`."""
    return char not in _UNCHANGED and (unicodedata.category(char) in _CATEGORIES or char in _NONCHARACTERS)


def _escaped(char: str) -> str:
    number = ord(char)
    if number < 0x100:
        return "\\x%02x" % number
    return "\\u%04x" % number if number < 0x10000 else "\\U%08x" % number
