"""The aligned chains as page data: rows, their changes, and blocks of hidden unchanged rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind, DiffState
from analyzer.graph.call_graph import ChainStep
from analyzer.text import visible
from gdbscripts.call_kinds import call_arrow
from gdbscripts.enums import PointerOutcome
from reports.html.change_marks import STATES_AND_LABELS, ChangeMarks
from reports.html.diff_page import ChainSection, RowBlock, StepCell, StepRow, TextPart
from reports.html.story import identity, kind_sentence
from reports.text.pointers import location_text, origin_text, slot_text
from reports.text.sentences import counted, first_divergence

_MIN_HIDDEN_ROWS = 3  # fewer rows are shown
_RENAMES = {ChangeKind.RENAMED, ChangeKind.MACHINE_VERSION}
_CALLS = {ChangeKind.CALL_KIND, ChangeKind.KIND_UNKNOWN, ChangeKind.OPTIMISED}


def chain_section(chain: ChainDiff, number: int, marks: ChangeMarks) -> ChainSection:
    """Return the section of the two chains to one milestone; `number` makes its anchors unique."""
    first = next((position for position, row in enumerate(chain.rows) if row.differs), None)
    missing_side = _missing_side(chain)
    rows = tuple(
        _step_row(row, bool(missing_side), f"row-{number}-{position}", marks, position == first)
        for position, row in enumerate(chain.rows)
    )
    in_rows = {change.key for row in chain.rows for change in row.changes}
    return ChainSection(
        anchor=f"chain-{number}",
        title=visible(chain.title),
        milestone=chain.milestone,
        threads=_threads(chain),
        state={"new": DiffState.REMOVED, "old": DiffState.ADDED, "": None}[missing_side],
        marks=tuple(marks.of(change) for change in chain.changes if change.key not in in_rows),
        divergence=visible(first_divergence(chain)),
        divergence_anchor="" if first is None else rows[first].anchor,
        divergence_shared=first is not None and first < chain.known,
        missing_side=f"The {missing_side} side does not have this chain." if missing_side else "",
        summary=counted(chain.changes),
        blocks=tuple(_blocks(rows, chain.known if chain.known >= _MIN_HIDDEN_ROWS else 0, f"fold-{number}")),
    )


def _missing_side(chain: ChainDiff) -> str:
    """Return the side that has no step of the chain: "new", "old", or "" for none."""
    if not any(row.new for row in chain.rows):
        return "new"
    return "" if any(row.old for row in chain.rows) else "old"


def _threads(chain: ChainDiff) -> TextPart:
    if chain.old_thread and chain.new_thread and chain.old_thread != chain.new_thread:
        return TextPart(visible(f"{chain.old_thread} → {chain.new_thread}"), changed=True)
    return TextPart(visible(chain.new_thread or chain.old_thread))


def _step_row(row: AlignedRow, one_sided: bool, anchor: str, marks: ChangeMarks, diverges: bool) -> StepRow:
    marks_of_row = tuple(marks.of(change) for change in row.changes)
    step = row.new or row.old
    return StepRow(
        anchor=anchor,
        state=_row_state(row, one_sided),
        kinds=" ".join(mark.kind for mark in marks_of_row),
        marks=marks_of_row,
        identity=visible(identity(step.function)) if step else "",
        old=_cell(row.old, row.new, row.changes) if row.old else None,
        new=_cell(row.new, row.old, row.changes) if row.new else None,
        remarks=tuple(_remarks(row.changes, marks)),
        diverges=diverges,
    )


def _row_state(row: AlignedRow, one_sided: bool) -> DiffState:
    """Return the state of the worst change; rows of a chain that one side lacks as a whole are unchanged."""
    if row.changes:
        return STATES_AND_LABELS[min(row.changes, key=_position_of_kind).kind][0]
    if one_sided or (row.old and row.new):
        return DiffState.UNCHANGED
    return DiffState.REMOVED if row.old else DiffState.ADDED


def _position_of_kind(change: Change) -> int:
    return list(ChangeKind).index(change.kind)


def _remarks(changes: Sequence[Change], marks: ChangeMarks) -> Iterator[str]:
    for change in changes:
        if change.note:
            yield visible(change.note)
        if accepted := marks.of(change).accepted:
            yield f"accepted: {accepted}"


def _cell(step: ChainStep, other: ChainStep | None, changes: Sequence[Change]) -> StepCell:
    kinds = {change.kind for change in changes}
    slot, origins = _pointer_slot(step), _pointer_origins(step)
    of_other_side = {_pointer_slot(other), *_pointer_origins(other)} if other else set()
    pointer_changed = ChangeKind.POINTER in kinds
    place = f"{step.file}:{step.line}" if step.file and step.line else step.file or step.function.where
    return StepCell(
        function=TextPart(visible(step.function.name), bool(kinds & _RENAMES)),
        place=TextPart(visible(place), ChangeKind.MOVED in kinds),
        kind=step.kind.value if step.kind else "root",
        arrow=call_arrow(step.kind),
        call_sentence=TextPart(kind_sentence(step.kind), bool(kinds & _CALLS)),
        pointer_slot=TextPart(slot, pointer_changed and slot not in of_other_side) if slot else None,
        pointer_origins=(
            tuple(TextPart(origin, origin not in of_other_side) for origin in origins) if pointer_changed else ()
        ),
    )


def _pointer_slot(step: ChainStep) -> str:
    return visible(f"through {slot_text(step.pointer)}") if step.pointer else ""


def _pointer_origins(step: ChainStep) -> tuple[str, ...]:
    """Return how the pointer was set, without line numbers, which change with every version."""
    if step.pointer is None:
        return ()
    steps = [
        origin_text(setting) + (f", {setting.file}" if location_text(setting) else "")
        for setting in step.pointer.set_by
    ]
    if step.pointer.outcome is not PointerOutcome.EXPLAINED:
        steps.append(f"{step.pointer.outcome}: {step.pointer.reason}")
    return tuple(map(visible, steps))


def _blocks(rows: Sequence[StepRow], shared: int, anchor: str) -> Iterator[RowBlock]:
    """Yield the rows in blocks: the first `shared` rows and long runs of unchanged rows are hidden."""
    if shared:
        first_rows = tuple(rows[:shared])
        changed = sum(row.state not in (DiffState.UNCHANGED, DiffState.NOTE) for row in first_rows)
        label = f"{shared} rows of an earlier chain{f', {changed} of them changed' if changed else ''}"
        yield RowBlock(f"{anchor}-shared", label, _function_range(first_rows), first_rows)
    hidden_rows = _hidden_rows(rows, shared)
    for hidden, group in groupby(range(shared, len(rows)), key=hidden_rows.__contains__):
        positions = list(group)
        block = tuple(rows[position] for position in positions)
        label = f"{len(block)} unchanged" if hidden else ""
        yield RowBlock(f"{anchor}-{positions[0]}", label, _function_range(block) if hidden else "", block)


def _hidden_rows(rows: Sequence[StepRow], shared: int) -> set[int]:
    """Return the positions of unchanged rows that are neither beside a change nor the last row."""
    hidden: set[int] = set()
    unchanged = [row.state is DiffState.UNCHANGED for row in rows]
    for is_unchanged, group in groupby(range(shared, len(rows)), key=unchanged.__getitem__):
        run = list(group)
        inner = run[int(run[0] > shared) : -1]
        if is_unchanged and len(inner) >= _MIN_HIDDEN_ROWS:
            hidden.update(inner)
    return hidden


def _function_range(rows: Sequence[StepRow]) -> str:
    cells = [row.new or row.old for row in (rows[0], rows[-1])]
    return " … ".join(cell.function.text for cell in cells if cell)
