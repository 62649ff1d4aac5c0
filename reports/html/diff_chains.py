"""The chains side by side, as page data: rows, what differs in them, and what is folded away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from analyzer.diff.change import AlignedRow, ChainDiff, Change, ChangeKind
from analyzer.graph.call_graph import ChainStep
from analyzer.model.call_kinds import call_arrow
from analyzer.text import visible
from gdbscripts.enums import PointerOutcome
from reports.html.change_marks import FAMILIES, ChangeMarks
from reports.html.diff_page import ChainSection, RowBlock, StepCell, StepRow, TextPart
from reports.html.story import identity, kind_sentence
from reports.text.pointers import location_text, origin_text, slot_text
from reports.text.sentences import counted, first_divergence

_FEWEST = 3  # rows that are worth a button
_RENAMES = {ChangeKind.RENAMED, ChangeKind.MACHINE_VERSION}
_CALLS = {ChangeKind.CALL_KIND, ChangeKind.KIND_UNKNOWN, ChangeKind.OPTIMISED}


def chain_section(chain: ChainDiff, number: int, marks: ChangeMarks) -> ChainSection:
    """The two chains to one milestone; `number` makes its anchors."""
    first = next((position for position, row in enumerate(chain.rows) if row.differs), None)
    lacks = _lacking_side(chain)
    pairs = tuple(
        _pair(row, bool(lacks), f"row-{number}-{position}", marks, position == first)
        for position, row in enumerate(chain.rows)
    )
    in_rows = {change.key for row in chain.rows for change in row.changes}
    return ChainSection(
        anchor=f"chain-{number}",
        title=visible(chain.title),
        milestone=chain.milestone,
        threads=_threads(chain),
        family={"new": "gone", "old": "new", "": "both"}[lacks],
        marks=tuple(marks.of(change) for change in chain.changes if change.key not in in_rows),
        lead=visible(first_divergence(chain)),
        lead_anchor="" if first is None else pairs[first].anchor,
        lead_known=first is not None and first < chain.known,
        missing=f"The {lacks} side does not have this chain." if lacks else "",
        summary=counted(chain.changes),
        blocks=tuple(_blocks(pairs, chain.known if chain.known >= _FEWEST else 0, f"fold-{number}")),
    )


def _lacking_side(chain: ChainDiff) -> str:
    """The side that has no step of the chain: new, old, or "" for none."""
    if not any(row.new for row in chain.rows):
        return "new"
    return "" if any(row.old for row in chain.rows) else "old"


def _threads(chain: ChainDiff) -> TextPart:
    if chain.old_thread and chain.new_thread and chain.old_thread != chain.new_thread:
        return TextPart(visible(f"{chain.old_thread} → {chain.new_thread}"), changed=True)
    return TextPart(visible(chain.new_thread or chain.old_thread))


def _pair(row: AlignedRow, one_sided: bool, anchor: str, marks: ChangeMarks, first: bool) -> StepRow:
    told = tuple(marks.of(change) for change in row.changes)
    step = row.new or row.old
    return StepRow(
        anchor=anchor,
        family=_family(row, one_sided),
        kinds=" ".join(mark.kind for mark in told),
        marks=told,
        identity=visible(identity(step.function)) if step else "",
        old=_cell(row.old, row.new, row.changes) if row.old else None,
        new=_cell(row.new, row.old, row.changes) if row.new else None,
        remarks=tuple(_remarks(row.changes, marks)),
        first=first,
    )


def _family(row: AlignedRow, one_sided: bool) -> str:
    """What the row looks like. A side that lacks the whole chain says so once, not in each row."""
    if row.changes:
        return FAMILIES[min(row.changes, key=_badness).kind][0]
    if one_sided or (row.old and row.new):
        return "same"
    return "gone" if row.old else "new"


def _badness(change: Change) -> int:
    return list(ChangeKind).index(change.kind)


def _remarks(changes: Sequence[Change], marks: ChangeMarks) -> Iterator[str]:
    for change in changes:
        if change.note:
            yield visible(change.note)
        if accepted := marks.of(change).accepted:
            yield f"accepted: {accepted}"


def _cell(step: ChainStep, other: ChainStep | None, changes: Sequence[Change]) -> StepCell:
    kinds = {change.kind for change in changes}
    through, settings = _pointer(step), _settings(step)
    theirs = {_pointer(other), *_settings(other)} if other else set()
    pointer = ChangeKind.POINTER in kinds
    place = f"{step.file}:{step.line}" if step.file and step.line else step.file or step.function.where
    return StepCell(
        function=TextPart(visible(step.function.name), bool(kinds & _RENAMES)),
        place=TextPart(visible(place), ChangeKind.MOVED in kinds),
        kind=step.kind.value if step.kind else "root",
        arrow=call_arrow(step.kind),
        how=TextPart(kind_sentence(step.kind), bool(kinds & _CALLS)),
        through=TextPart(through, pointer and through not in theirs) if through else None,
        settings=tuple(TextPart(words, words not in theirs) for words in settings) if pointer else (),
    )


def _pointer(step: ChainStep) -> str:
    return visible(f"through {slot_text(step.pointer)}") if step.pointer else ""


def _settings(step: ChainStep) -> tuple[str, ...]:
    """How the pointer was set, without lines: they change with every version."""
    if step.pointer is None:
        return ()
    steps = [
        origin_text(setting) + (f", {setting.file}" if location_text(setting) else "")
        for setting in step.pointer.set_by
    ]
    if step.pointer.outcome is not PointerOutcome.EXPLAINED:
        steps.append(f"{step.pointer.outcome}: {step.pointer.reason}")
    return tuple(map(visible, steps))


def _blocks(pairs: Sequence[StepRow], known: int, anchor: str) -> Iterator[RowBlock]:
    """What was told before and long runs of equal rows behind buttons, the neighbours of changes in the open."""
    if known:
        told = sum(pair.family not in ("same", "note") for pair in pairs[:known])
        also = f", {told} of them changed" if told else ""
        yield RowBlock(f"{anchor}-known", f"{known} as before{also}", _names(pairs[:known]), tuple(pairs[:known]))
    folded = _folded(pairs, known)
    for fold, group in groupby(range(known, len(pairs)), key=folded.__contains__):
        positions = list(group)
        rows = tuple(pairs[position] for position in positions)
        label = f"{len(rows)} the same" if fold else ""
        yield RowBlock(f"{anchor}-{positions[0]}", label, _names(rows) if fold else "", rows)


def _folded(pairs: Sequence[StepRow], known: int) -> set[int]:
    """Positions of equal rows away from any change; where it ends is always shown."""
    folded: set[int] = set()
    for same, group in groupby(range(known, len(pairs)), key=lambda position: pairs[position].family == "same"):
        run = list(group)
        inner = run[int(run[0] > known) : -1]
        if same and len(inner) >= _FEWEST:
            folded.update(inner)
    return folded


def _names(pairs: Sequence[StepRow]) -> str:
    cells = [pair.new or pair.old for pair in (pairs[0], pairs[-1])]
    return " … ".join(cell.function.text for cell in cells if cell)
