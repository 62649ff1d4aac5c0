"""Aligns the steps of two chains, and finds what changed at each row. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from analyzer.diff.align import align
from analyzer.diff.calls import call_kind_change, explained, pointer_change
from analyzer.diff.change import AlignedRow, Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import ChainStep
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from gdbscripts.records import UNKNOWN_NAME

KERNEL_CALL_KINDS = (CallKind.SYSCALL, CallKind.KERNEL, CallKind.DOCUMENTED)
_FRAME = ("a stack frame", "no stack frame")
_TAIL_CALL = ("ended by a tail call", "not observed")
# How a function calls the next one -> kinds of the other side's call past this function, which may have called it
# without a frame. CALL is the kind of an imported backtrace.
_ELIDING_AFTER = {
    CallKind.TAIL: (CallKind.UNKNOWN, CallKind.CALL, CallKind.INDIRECT),
    CallKind.UNKNOWN: (CallKind.UNKNOWN,),
}


def comparable_steps(steps: Sequence[ChainStep], kernel: bool) -> tuple[ChainStep, ...]:
    """Return the steps to compare: without the kernel's, which differ between hosts, unless `kernel` is set.

    A function that is partly inlined into its caller and partly called becomes one step.
    """
    compared: list[ChainStep] = []
    for step in steps:
        if step.kind in KERNEL_CALL_KINDS and not kernel:
            break
        if compared and compared[-1].kind is CallKind.INLINE and compared[-1].function == step.function:
            compared.pop()
        compared.append(step)
    return tuple(compared)


def align_steps(
    old: Sequence[ChainStep],
    new: Sequence[ChainStep],
    names: SymbolHistory,
    eliding_kinds: Collection[CallKind] = (),
    imported: tuple[bool, bool] = (False, False),
    shared: SharedRows | None = None,
) -> tuple[AlignedRow, ...]:
    """Return the rows of the two aligned chains, outermost function first, each with its changes.

    `eliding_kinds` are the kinds of calls that may have passed through functions without a frame, which then are
    notes and not changes. The same holds where one side shows that a function ended in a tail call: the other
    side's call past it may have passed through it, unless the origin of its pointer is known. `imported` says
    which sides (old, new) are imported backtraces. `shared` has rows of other chains aligned with equal arguments.
    Exchanged sides give exchanged changes.
    """
    pairs = align([step.function for step in old], [step.function for step in new], names)
    rows = [AlignedRow(None if i is None else old[i], None if j is None else new[j]) for i, j in pairs]
    return tuple(_RowComparison(rows, names, eliding_kinds, imported, shared or SharedRows()).rows_with_changes())


class SharedRows:
    """The rows and changes of the chains of one comparison: where steps are the same objects, rows are, too.

    A row holds its steps, so that the ids of steps stay taken.
    """

    def __init__(self) -> None:
        self._matched: dict[tuple[int, int, bool], AlignedRow] = {}
        self._one_sided: dict[tuple[int, int, Change], AlignedRow] = {}
        self._changes: dict[tuple[Change, str], Change] = {}

    def matched(
        self, row: AlignedRow, adjacent: bool, compare: Callable[[AlignedRow, bool], AlignedRow]
    ) -> AlignedRow:
        """Return the row with its changes; `compare` finds them where these two steps were not compared before."""
        key = id(row.old), id(row.new), adjacent
        found = self._matched.get(key)
        if found is None:
            found = self._matched[key] = compare(row, adjacent)
        return found

    def one_sided(self, row: AlignedRow) -> AlignedRow:
        """Return the row of a function that only one side has, or the row of another chain that is equal."""
        return self._one_sided.setdefault((id(row.old), id(row.new), row.changes[0]), row)

    def of_chain(self, change: Change, milestone: str) -> Change:
        """Return the change as one of the chains to this milestone."""
        found = self._changes.get((change, milestone))
        if found is None:
            found = self._changes[change, milestone] = replace(change, chains=(milestone,))
        return found


@dataclass
class _RowComparison:
    """Compares aligned rows: runs of matched rows and gaps in turn."""

    rows: list[AlignedRow]
    names: SymbolHistory
    eliding_kinds: Collection[CallKind]
    imported: tuple[bool, bool]
    shared: SharedRows

    def rows_with_changes(self) -> Iterator[AlignedRow]:
        """Yield the rows in order, each with its changes."""
        self._old_names = [row.old.function.name for row in self.rows if row.old]
        self._new_names = [row.new.function.name for row in self.rows if row.new]
        last_matched: AlignedRow | None = None
        start, adjacent = 0, True
        for matched, group in groupby(self.rows, key=_is_matched):
            run = list(group)
            start += len(run)
            if matched:
                for row in run:
                    yield self.shared.matched(row, adjacent, self._matched_row)
                    adjacent = True
            else:
                after = self.rows[start] if start < len(self.rows) else None
                yield from map(self.shared.one_sided, self._gap_rows(run, last_matched, after))
                adjacent = False
            last_matched = run[-1]

    def _matched_row(self, row: AlignedRow, adjacent: bool) -> AlignedRow:
        old, new = row.old, row.new
        if old is None or new is None:
            return row
        place = new.file, new.line
        changes = [self._renamed(old, new), _moved(old, new), pointer_change(old, new, self.names)]
        # After a gap, the two sides come from different callers, and the rows of the gap show that.
        if adjacent and old.kind is not None and new.kind is not None:
            changes.append(call_kind_change(new.function.name, old.kind, new.kind, place, not any(self.imported)))
        return AlignedRow(old, new, tuple(change for change in changes if change is not None))

    def _renamed(self, old: ChainStep, new: ChainStep) -> Change | None:
        old_name, new_name = old.function.name, new.function.name
        if old_name == new_name:
            return None
        same = self.names.canonical_name(old_name) == self.names.canonical_name(new_name)
        kind = ChangeKind.MACHINE_VERSION if same else ChangeKind.RENAMED
        return Change(kind, new_name, old_name, new_name, file=new.file, line=new.line)

    def _gap_rows(
        self, run: list[AlignedRow], before: AlignedRow | None, after: AlignedRow | None
    ) -> Iterator[AlignedRow]:
        """Yield the rows of a gap between the matched rows `before` and `after`, each with its change."""
        across = None  # the other side's step after the gap, when that side has no function in the gap
        if before is not None and after is not None and len({row.new is None for row in run}) == 1:
            across = after.new if run[0].new is None else after.old
        old_previous = before.old.function.name if before and before.old else ""
        new_previous = before.new.function.name if before and before.new else ""
        for row, inner in zip(run, [*run[1:], after], strict=True):
            note = self._elided_frame_note(row, inner, across) if inner and across else None
            if row.old is not None:
                yield AlignedRow(row.old, None, (note or self._removed(row.old, old_previous),))
                old_previous = row.old.function.name
            elif row.new is not None:
                yield AlignedRow(None, row.new, (note or self._added(row.new, new_previous),))
                new_previous = row.new.function.name

    def _elided_frame_note(self, row: AlignedRow, inner: AlignedRow, across: ChainStep) -> Change | None:
        """Return the note that the other side's call to `across` may have passed through this function.

        None when the call did not, so that the function is added or removed.
        """
        removed = row.new is None
        step, next_ = (row.old, inner.old) if removed else (row.new, inner.new)
        if step is None or step.kind is None or next_ is None:
            return None
        kind, words = ChangeKind.OPTIMISED, _TAIL_CALL if next_.kind is CallKind.TAIL else _FRAME
        history = self.names.history_note(step.function.name, self._new_names if removed else self._old_names)
        if across.kind is CallKind.UNKNOWN and self.imported[removed]:
            kind, words = ChangeKind.KIND_UNKNOWN, (CALL_KINDS[step.kind].label, UNKNOWN_NAME)
        elif across.kind not in (*self.eliding_kinds, *_ELIDING_AFTER.get(next_.kind or CallKind.DIRECT, ())):
            return None
        elif across.kind is CallKind.INDIRECT and explained(across):
            return None  # the function that the pointer called is known
        elif across.kind is CallKind.CALL and history:
            return None  # the other version does not have this function
        return Change(
            kind, step.function.name, *(words if removed else words[::-1]), file=step.file, line=step.line
        )

    def _removed(self, step: ChainStep, after: str) -> Change:
        name, file, line = step.function.name, step.file, step.line
        note = self.names.history_note(name, self._new_names)
        return Change(ChangeKind.REMOVED, name, name, after=after, note=note, file=file, line=line)

    def _added(self, step: ChainStep, after: str) -> Change:
        name, file, line = step.function.name, step.file, step.line
        note = self.names.history_note(name, self._old_names)
        return Change(ChangeKind.INSERTED, name, new=name, after=after, note=note, file=file, line=line)


def _is_matched(row: AlignedRow) -> bool:
    return row.old is not None and row.new is not None


def _moved(old: ChainStep, new: ChainStep) -> Change | None:
    old_place, new_place = old.function.where, new.function.where
    if old_place == new_place or not old_place or not new_place or "[" in (old_place[0], new_place[0]):
        return None  # "[" begins the name of a library
    files = old.defined_in or old.file or old_place, new.defined_in or new.file or new_place
    return Change(ChangeKind.MOVED, new.function.name, *files, file=new.file, line=new.line)
