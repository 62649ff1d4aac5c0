"""Two aligned chains as lines of text: in two columns where there is room, else in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.diff.change import AlignedRow, ChainDiff
from analyzer.graph.call_graph import ChainStep
from analyzer.model.call_kinds import ARROW_WIDTH, arrow_key
from reports.diff_marks import DiffMark, mark_key
from reports.sanitize import truncate_middle
from reports.text.chain_rows import Fold, mark, place, remarks, shown_rows, sign, step_arrow
from reports.text.colour import painted

WIDE = 100  # columns from which on both chains stand beside each other
_STYLES = {
    DiffMark.ADDED: "green",
    DiffMark.REMOVED: "red",
    DiffMark.CHANGED: "yellow",
    DiffMark.MOVED: "yellow",
}
_GAP = " │ "


def block(chain: ChainDiff, like: str, width: int, colour: bool, full: bool) -> Iterator[str]:
    """The rows of a chain that are shown, a line each, with what they do not say by themselves below them."""
    rows = shown_rows(chain, like, full)
    wide = width >= WIDE
    cell = (width - 2 - len(_GAP)) // 2
    steps = [step for row in rows if isinstance(row, AlignedRow) for step in (row.old, row.new) if step]
    names = min(_longest(step.function.name for step in steps), (cell if wide else width) * 3 // 5)
    cell = min(cell, names + ARROW_WIDTH + len("   ") + _longest(map(place, steps)))
    for row in rows:
        if isinstance(row, Fold):
            yield painted(f"  … {row.words} …", "dim" if colour else "")
            continue
        line = _columns(row, names, cell) if wide else _unified(row, names)
        yield painted(f"{sign(row)} {line}", _style(row) if colour else "")
        yield from (f"       {remark}" for remark in remarks(row))


def key(chains: tuple[ChainDiff, ...], full: bool) -> str:
    """The meaning of the marks and arrows in chains that differ; "" when no row has a mark."""
    rows = [row for chain in chains if chain.differs or full for row in chain.rows]
    marks = {mark(row) for row in rows}
    if not marks - {None}:
        return ""
    kinds = {step.kind for row in rows for step in (row.old, row.new) if step}
    return f"Key: {mark_key(marks)}; {arrow_key(kinds)}".removesuffix("; ") + "."


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


def call_arrows(row: AlignedRow) -> str:
    """The arrow of the call that leads to the function, or the old and the new one."""
    arrows = [step_arrow(step) for step in (row.old, row.new) if step]
    return both(arrows[0], arrows[-1])


def _style(row: AlignedRow) -> str:
    """The style of the row's mark; a row with nothing but notes is dim."""
    found = mark(row)
    return _STYLES.get(found, "") if found else "dim" if row.changes else ""


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _columns(row: AlignedRow, names: int, cell: int) -> str:
    old, new = _cell(row.old, names, cell), _cell(row.new, names, cell)
    return f"{old:<{cell}}{_GAP}{new}"


def _cell(step: ChainStep | None, names: int, cell: int) -> str:
    if step is None:
        return ""
    text = f"{step_arrow(step):>{ARROW_WIDTH}} {truncate_middle(step.function.name, names):<{names}}  "
    return text + truncate_middle(place(step), max(cell - len(text), 1))


def _unified(row: AlignedRow, names: int) -> str:
    return f"{call_arrows(row):>{ARROW_WIDTH}} {name_of(row):<{names}}  {place_of(row)}"
