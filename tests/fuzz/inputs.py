"""Hypothesis strategies for inputs: those of the corpus, changed at some places, and others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hypothesis import strategies as st

_NUMBERS = [
    bytes([0]),
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff",
    bytes(4),
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
]
_TEXTS = [
    b"0", b"-1", b"18446744073709551616", b"1e999", b"NaN", b"null", b"[]", b"{}", b'"', b"\\", b"\n", b"\0",
    b"\x1b[2J", b"\xed\xa0\x80", b"\xe2\x80\xae", b"../", b"/etc/passwd", b"<script>", b"(", b"[" * 100,
    b"a" * 5000, b"%n", b"true", b"\r\n", b"#0 ", b"\xff",
]  # fmt: skip
_WORD = re.compile(rb"[A-Za-z_][\w-]*|\d+|[^\w\s]")


def changed(corpus: Mapping[str, bytes], largest: int) -> st.SearchStrategy[bytes]:
    """Inputs of the corpus with up to eight changes, at most `largest` bytes long; also any bytes."""
    inputs = [data for data in corpus.values() if len(data) <= largest]
    words = sorted({word for data in inputs for word in _WORD.findall(data[:20_000])})[:2000] or [b"a"]
    pieces = st.sampled_from(_NUMBERS + _TEXTS) | st.sampled_from(words) | st.binary(max_size=8)
    change = st.tuples(
        st.sampled_from(("insert", "replace", "delete", "repeat", "move", "splice")),
        st.floats(0, 1, exclude_max=True), st.integers(0, 64), pieces, st.sampled_from(inputs),
    )  # fmt: skip

    def apply(data: bytes, changes: list[tuple[str, float, int, bytes, bytes]]) -> bytes:
        for what, place, size, piece, other in changes:
            data = _apply(data, what, int(place * (len(data) + 1)), size, piece, other)[:largest]
        return data

    return st.builds(apply, st.sampled_from(inputs), st.lists(change, min_size=1, max_size=8)) | st.binary(
        max_size=200
    )


def _apply(data: bytes, what: str, at: int, size: int, piece: bytes, other: bytes) -> bytes:
    before, after = data[:at], data[at:]
    if what == "insert":
        return before + piece + after
    if what == "replace":
        return before + piece + after[len(piece) :]
    if what == "delete":
        return before + after[size:]
    if what == "repeat":
        return before + after[:size] * 20 + after
    if what == "move":
        return before + after[size:] + after[:size]
    return before + other[at:]
