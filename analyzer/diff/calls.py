"""What changed about one call: its kind, and the pointer it goes through. Pure."""

from __future__ import annotations

from analyzer.diff.change import Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import ChainStep, GraphPointer, GraphPointerOrigin
from analyzer.model.call_kinds import CALL_KINDS, CallKind

_HOW_COMPILED = {
    CallKind.DIRECT,
    CallKind.CALL,
    CallKind.TAIL,
    CallKind.INLINE,
}  # one line of source may become any of these
_MAY_BE_THE_SAME = [{CallKind.CALL, kind} for kind in (CallKind.DIRECT, CallKind.INDIRECT, CallKind.UNKNOWN)]
_Setting = tuple[str, str, str]  # what, name of the place, function


def call_kind(
    subject: str, old: CallKind, new: CallKind, place: tuple[str, int], recorded: bool = True
) -> Change | None:
    """The change of how a call is made; None when there is none.

    That one side cannot tell is a note where both are `recorded`; a backtrace that somebody pasted has holes.
    """
    pair = {old, new}
    unknown = CallKind.UNKNOWN in pair
    if old is new or pair in _MAY_BE_THE_SAME or (unknown and not recorded):
        return None
    if unknown:
        kind = ChangeKind.KIND_UNKNOWN
    else:
        kind = ChangeKind.OPTIMISED if pair <= _HOW_COMPILED else ChangeKind.CALL_KIND
    return Change(kind, subject, CALL_KINDS[old].label, CALL_KINDS[new].label, file=place[0], line=place[1])


def pointer(old: ChainStep, new: ChainStep, names: SymbolHistory) -> Change | None:
    """The change of where a pointer is kept or who sets it; None when there is none or one side does not know."""
    if old.slot is None or new.slot is None or not _known(old.slot) or not _known(new.slot):
        return None
    mine, theirs = _settings(old.slot, names), _settings(new.slot, names)
    if len(mine) == len(theirs) and all(map(_same, mine, theirs)):
        return None
    words = slot_words(old.slot), slot_words(new.slot)
    if words[0] == words[1]:
        words = slot_words(old.slot, whole=True), slot_words(new.slot, whole=True)
    return Change(ChangeKind.POINTER, new.function.name, *words, file=new.file, line=new.line)


def explained(step: ChainStep) -> bool:
    """Whether it is known who set the pointer that led here."""
    return step.slot is not None and _known(step.slot)


def slot_words(slot: GraphPointer, whole: bool = False) -> str:
    """Where a pointer is kept and who sets it, without lines; `whole`: each place on its way, too."""
    steps = [_step_words(step, whole) for step in slot.set_by if step.function or whole]
    steps += ["set in a table"] if any(step.what == "static" for step in slot.set_by) else []
    return ", ".join([slot.name or "a place without a name", *steps])


def _step_words(step: GraphPointerOrigin, whole: bool) -> str:
    name = f" {step.name}" if whole and step.name else ""
    by = f" by {step.function}" if step.function else ""
    return f"{step.what}{name}{by}"


def _known(slot: GraphPointer) -> bool:
    return slot.outcome == "explained"


def _settings(slot: GraphPointer, names: SymbolHistory) -> list[_Setting]:
    steps = [("", slot.name, "")]
    for step in slot.set_by:
        function = names.normalised(step.function)
        if step.what != "written" or function != steps[-1][2]:  # optimised code tells it twice: it is in its hands
            steps.append((step.what, step.name, function))
    return steps


def _same(one: _Setting, other: _Setting) -> bool:
    """Optimised code may not tell what a place is called."""
    same_name = one[1] == other[1] or not one[1] or not other[1]
    return same_name and (one[0], one[2]) == (other[0], other[2])
