"""What both kinds of Mermaid diagrams share: how a text becomes part of a diagram."""

from __future__ import annotations

from reports.export.samples import shown
from reports.sanitize import truncate_middle

MOST_CHARACTERS = 50_000  # `maxTextSize` of Mermaid: it draws an error in place of a longer diagram
MOST_ARROWS = 500  # `maxEdges` of Mermaid, the same for a flowchart
_LONGEST_LABEL = 60  # characters, as in the drawings of Graphviz
_PLAIN = frozenset("_ .,/()*>?+-=")


def label(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Return `text` in at most `longest` characters, with the signs of Mermaid's syntax as `#NUMBER;`.

    `>` follows a letter or a sign in arrows such as `t>`; Mermaid takes it as text inside quotes and messages.
    """
    return "".join(map(_escaped, truncate_middle(shown(text), longest)))


def _escaped(char: str) -> str:
    # Mermaid replaces `#58;` by a colon after it has parsed the diagram.
    return char if char.isalnum() or char in _PLAIN else f"#{ord(char)};"
