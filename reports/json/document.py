"""Writes what all JSON documents share: the name of the format and the number of its schema."""

from __future__ import annotations

import json
from typing import Any


def document(name: str, schema: int, **content: Any) -> str:
    """Return the document with a line end: `format`, which is `qemu-callchain NAME`, `schema`, then `content`.

    Non-ASCII characters are escaped, since names come from an untrusted program.
    """
    return json.dumps({"format": f"qemu-callchain {name}", "schema": schema, **content}, indent=1) + "\n"
