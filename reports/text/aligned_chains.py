"""Two aligned chains as lines of text: in two columns where there is room, else in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.diff.change import AlignedRow, ChainDiff
from analyzer.graph.call_graph import ChainStep
from reports.sanitize import truncate_middle
from reports.text.chain_rows import MARK_WORDS, WAY_WORDS, Fold, mark, place, remarks, shown_rows, way
from reports.text.colour import painted

WIDE = 100  # columns from which on both chains stand beside each other
_STYLES = {
    "+": "green",
    "-": "red",
    "~": "yellow",
    "^": "yellow",
    "&": "yellow",
    "»": "yellow",
    "#": "dim",
    "=": "dim",
}
_GAP = " │ "


def block(chain: ChainDiff, like: str, width: int, colour: bool, full: bool) -> Iterator[str]:
    """The rows of a chain that are shown, a line each, with what they do not say by themselves below them."""
    rows = shown_rows(chain, like, full)
    wide = width >= WIDE
    cell = (width - 2 - len(_GAP)) // 2
    steps = [step for row in rows if isinstance(row, AlignedRow) for step in (row.old, row.new) if step]
    names = min(_longest(step.function.name for step in steps), (cell if wide else width) * 3 // 5)
    cell = min(cell, names + len("*>   ") + _longest(map(place, steps)))
    for row in rows:
        if isinstance(row, Fold):
            yield painted(f"  … {row.words} …", "dim" if colour else "")
            continue
        sign = mark(row)
        line = _columns(row, names, cell) if wide else _unified(row, names)
        yield painted(f"{sign} {line}", _STYLES.get(sign, "") if colour else "")
        yield from (f"       {remark}" for remark in remarks(row))


def legend(chains: tuple[ChainDiff, ...], full: bool) -> str:
    """What the marks and ways mean that occur in chains that differ; "" when none does."""
    rows = [row for chain in chains if chain.differs or full for row in chain.rows]
    marks = {mark(row) for row in rows}
    ways = {way(step) for row in rows for step in (row.old, row.new)}
    words = [f"{sign} {text}" for sign, text in MARK_WORDS.items() if sign in marks]
    words += [f"{sign} {text}" for sign, text in WAY_WORDS.items() if sign in ways]
    return "; ".join(words) + "." if marks - {" "} else ""


def both(old: str, new: str) -> str:
    """What was and what is, once when it is the same."""
    return old if old == new else f"{old} → {new}"


def name_of(row: AlignedRow) -> str:
    """The function, or what it was and is called."""
    steps = [step.function.name for step in (row.old, row.new) if step]
    return both(steps[0], steps[-1])


def place_of(row: AlignedRow) -> str:
    """The function's file, or where it was and is."""
    places = [place(step) for step in (row.old, row.new) if step]
    return both(places[0], places[-1])


def way_of(row: AlignedRow) -> str:
    """How the function is come to, or was and is."""
    ways = [way(step) for step in (row.old, row.new) if step]
    return both(ways[0], ways[-1])


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _columns(row: AlignedRow, names: int, cell: int) -> str:
    old, new = _cell(row.old, names, cell), _cell(row.new, names, cell)
    return f"{old:<{cell}}{_GAP}{new}"


def _cell(step: ChainStep | None, names: int, cell: int) -> str:
    if step is None:
        return ""
    text = f"{way(step):>2} {truncate_middle(step.function.name, names):<{names}}  "
    return text + truncate_middle(place(step), max(cell - len(text), 1))


def _unified(row: AlignedRow, names: int) -> str:
    return f"{way_of(row):>2} {name_of(row):<{names}}  {place_of(row)}"
