"""Translation of the sentences that Python writes into the page: every one passes through `t`."""

from __future__ import annotations


def t(text: str, /, **values: object) -> str:
    """Return `text` with `{name}` replaced by the values; the text with its placeholders is a catalogue's key."""
    return text.format(**values) if values else text
