"""Two chains aligned, and what changed at each row. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from analyzer.diff.align import align
from analyzer.diff.calls import call_kind, explained, pointer
from analyzer.diff.change import AlignedRow, Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import ChainStep
from analyzer.model.call_kinds import CALL_KINDS, CallKind
from gdbscripts.records import UNKNOWN_NAME

OUTSIDE_THE_PROGRAM = (CallKind.SYSCALL, CallKind.KERNEL, CallKind.DOCUMENTED)
_FRAME = ("a frame of its own", "none")
_JUMP = ("left by a jump", "not seen")
# How a function was left -> calls past it that may have come by it, unseen. CALL is of a pasted backtrace.
_UNSEEN = {
    CallKind.TAIL: (CallKind.UNKNOWN, CallKind.CALL, CallKind.INDIRECT),
    CallKind.UNKNOWN: (CallKind.UNKNOWN,),
}


def comparable(steps: Sequence[ChainStep], kernel: bool) -> tuple[ChainStep, ...]:
    """The steps as they are compared: without the kernel's unless asked for, since hosts differ in them.

    A function that is partly inlined into its caller and partly called is one step.
    """
    kept: list[ChainStep] = []
    for step in steps:
        if step.kind in OUTSIDE_THE_PROGRAM and not kernel:
            break
        if kept and kept[-1].kind is CallKind.INLINE and kept[-1].function == step.function:
            kept.pop()
        kept.append(step)
    return tuple(kept)


def aligned_rows(
    old: Sequence[ChainStep],
    new: Sequence[ChainStep],
    names: SymbolHistory,
    hiding: Collection[CallKind] = (),
    imported: tuple[bool, bool] = (False, False),
) -> tuple[AlignedRow, ...]:
    """The two chains aligned, with what changed at each row.

    Calls of the kinds `hiding` may have come by functions that left no frame. So may, where one side shows that a
    function left by a jump, the other's call past it: no debugger sees that, nor where a pointer led unless its
    value was looked up. `pasted`: which of the sides are backtraces that somebody pasted.
    """
    pairs = align([step.function for step in old], [step.function for step in new], names)
    rows = [AlignedRow(None if i is None else old[i], None if j is None else new[j]) for i, j in pairs]
    return tuple(_RowComparison(rows, names, hiding, imported).judged())


@dataclass
class _RowComparison:
    """Goes through aligned rows, matched ones and gaps in turn."""

    rows: list[AlignedRow]
    names: SymbolHistory
    hiding: Collection[CallKind]
    imported: tuple[bool, bool]

    def judged(self) -> Iterator[AlignedRow]:
        self._old_names = [row.old.function.name for row in self.rows if row.old]
        self._new_names = [row.new.function.name for row in self.rows if row.new]
        before: AlignedRow | None = None
        start, adjacent = 0, True
        for matched, group in groupby(self.rows, key=_is_matched):
            run = list(group)
            start += len(run)
            if matched:
                for row in run:
                    yield self._of_match(row, adjacent)
                    adjacent = True
            else:
                after = self.rows[start] if start < len(self.rows) else None
                yield from self._of_gap(run, before, after)
                adjacent = False
            before = run[-1]

    def _of_match(self, row: AlignedRow, adjacent: bool) -> AlignedRow:
        old, new = row.old, row.new
        if old is None or new is None:
            return row
        place = new.file, new.line
        changes = [self._renamed(old, new), _moved(old, new), pointer(old, new, self.names)]
        if adjacent and old.kind is not None and new.kind is not None:
            # else the call that led here is another one, which the rows between tell
            changes.append(call_kind(new.function.name, old.kind, new.kind, place, not any(self.imported)))
        return AlignedRow(old, new, tuple(change for change in changes if change is not None))

    def _renamed(self, old: ChainStep, new: ChainStep) -> Change | None:
        before, now = old.function.name, new.function.name
        if before == now:
            return None
        same = self.names.normalised(before) == self.names.normalised(now)
        kind = ChangeKind.NUMBERED if same else ChangeKind.RENAMED
        return Change(kind, now, before, now, file=new.file, line=new.line)

    def _of_gap(
        self, run: list[AlignedRow], before: AlignedRow | None, after: AlignedRow | None
    ) -> Iterator[AlignedRow]:
        """Rows that one side lacks, between matched ones."""
        across = None
        if before is not None and after is not None and len({row.new is None for row in run}) == 1:
            across = after.new if run[0].new is None else after.old  # nothing stands in their place
        old_before = before.old.function.name if before and before.old else ""
        new_before = before.new.function.name if before and before.new else ""
        for row, inner in zip(run, [*run[1:], after], strict=True):
            note = self._of_unseen(row, inner, across) if inner and across else None
            if row.old is not None:
                yield AlignedRow(row.old, None, (note or self._lost(row.old, old_before),))
                old_before = row.old.function.name
            elif row.new is not None:
                yield AlignedRow(None, row.new, (note or self._won(row.new, new_before),))
                new_before = row.new.function.name

    def _of_unseen(self, row: AlignedRow, inner: AlignedRow, across: ChainStep) -> Change | None:
        """The note that the other side's call past this function, to `across`, may have come by it all the same;
        None when it did not."""
        gone = row.new is None
        step, next_ = (row.old, inner.old) if gone else (row.new, inner.new)
        if step is None or step.kind is None or next_ is None:
            return None
        kind, words = ChangeKind.OPTIMISED, _JUMP if next_.kind is CallKind.TAIL else _FRAME
        known = self.names.history(step.function.name, self._new_names if gone else self._old_names)
        if across.kind is CallKind.UNKNOWN and self.imported[gone]:
            kind, words = ChangeKind.KIND_UNKNOWN, (CALL_KINDS[step.kind].label, UNKNOWN_NAME)
        elif across.kind not in (*self.hiding, *_UNSEEN.get(next_.kind or CallKind.DIRECT, ())):
            return None
        elif across.kind is CallKind.INDIRECT and explained(across):
            return None  # it is known where that pointer led
        elif across.kind is CallKind.CALL and known:
            return None  # nobody left it by a jump before it came, or after it was given up
        return Change(kind, step.function.name, *(words if gone else words[::-1]), file=step.file, line=step.line)

    def _lost(self, step: ChainStep, after: str) -> Change:
        name, file, line = step.function.name, step.file, step.line
        note = self.names.history(name, self._new_names)
        return Change(ChangeKind.REMOVED, name, name, after=after, note=note, file=file, line=line)

    def _won(self, step: ChainStep, after: str) -> Change:
        name, file, line = step.function.name, step.file, step.line
        note = self.names.history(name, self._old_names)
        return Change(ChangeKind.INSERTED, name, new=name, after=after, note=note, file=file, line=line)


def _is_matched(row: AlignedRow) -> bool:
    return row.old is not None and row.new is not None


def _moved(old: ChainStep, new: ChainStep) -> Change | None:
    before, now = old.function.where, new.function.where
    if before == now or not before or not now or "[" in (before[0], now[0]):
        return None
    files = old.file or before, new.file or now
    return Change(ChangeKind.MOVED, new.function.name, *files, file=new.file, line=new.line)
