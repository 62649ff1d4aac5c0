"""What all JSON documents have in common: the name of the format, and the number of its schema."""

from __future__ import annotations

import json
from typing import Any


def document(name: str, schema: int, **content: Any) -> str:
    """The document as text, with a line end; what is not ASCII is escaped, as a program may be called anything."""
    return json.dumps({"format": f"qemu-callchain {name}", "schema": schema, **content}, indent=1) + "\n"
