"""Compares one call of two graphs: its kind, and the pointer that it goes through. Pure."""

from __future__ import annotations

from analyzer.diff.change import Change, ChangeKind
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import ChainStep, GraphPointer, GraphPointerOrigin
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from gdbscripts.enums import PointerOriginKind, PointerOutcome

_COMPILER_DEPENDENT = {
    CallKind.DIRECT,
    CallKind.CALL,
    CallKind.TAIL,
    CallKind.INLINE,
}  # one line of source may become any of these
_MAY_BE_THE_SAME = [{CallKind.CALL, kind} for kind in (CallKind.DIRECT, CallKind.INDIRECT, CallKind.UNKNOWN)]
_Origin = tuple[str, str, str]  # kind of the step, name of the slot, function


def call_kind_change(
    subject: str, old: CallKind, new: CallKind, place: tuple[str, int], recorded: bool = True
) -> Change | None:
    """Return the change of the kind of a call; None when there is none.

    `subject` names the callee or the call, `place` is its file and line. A kind that only one side knows is a note
    when both sides are `recorded`, and no change for an imported backtrace, which has unknown frames. Exchanged
    kinds give the exchanged change.
    """
    pair = {old, new}
    unknown = CallKind.UNKNOWN in pair
    if old is new or pair in _MAY_BE_THE_SAME or (unknown and not recorded):
        return None
    if unknown:
        kind = ChangeKind.KIND_UNKNOWN
    else:
        kind = ChangeKind.OPTIMISED if pair <= _COMPILER_DEPENDENT else ChangeKind.CALL_KIND
    return Change(kind, subject, CALL_KINDS[old].label, CALL_KINDS[new].label, file=place[0], line=place[1])


def pointer_change(old: ChainStep, new: ChainStep, names: SymbolHistory) -> Change | None:
    """Return the change of a pointer's slot or of the functions that set it.

    None when there is none, or when the origin of the pointer is unknown on one side.
    """
    if (
        old.pointer is None
        or new.pointer is None
        or not _is_explained(old.pointer)
        or not _is_explained(new.pointer)
    ):
        return None
    old_origins, new_origins = _origins(old.pointer, names), _origins(new.pointer, names)
    if len(old_origins) == len(new_origins) and all(map(_is_same_origin, old_origins, new_origins)):
        return None
    words = pointer_words(old.pointer), pointer_words(new.pointer)
    if words[0] == words[1]:
        words = pointer_words(old.pointer, whole=True), pointer_words(new.pointer, whole=True)
    return Change(ChangeKind.POINTER, new.function.name, *words, file=new.file, line=new.line)


def explained(step: ChainStep) -> bool:
    """Return whether the origin of the pointer that led to this step is known."""
    return step.pointer is not None and _is_explained(step.pointer)


def pointer_words(pointer: GraphPointer, whole: bool = False) -> str:
    """Return the slot of a pointer and the functions that set it, without lines: "Ops.go, stored by init".

    With `whole`, the slots of all steps and the steps without a function are named, too.
    """
    steps = [_step_words(step, whole) for step in pointer.set_by if step.function or whole]
    steps += ["set in a table"] if any(step.what is PointerOriginKind.STATIC for step in pointer.set_by) else []
    return ", ".join([pointer.name or "unnamed memory", *steps])


def _step_words(step: GraphPointerOrigin, whole: bool) -> str:
    name = f" {step.name}" if whole and step.name else ""
    by = f" by {step.function}" if step.function else ""
    return f"{step.what}{name}{by}"


def _is_explained(pointer: GraphPointer) -> bool:
    return pointer.outcome is PointerOutcome.EXPLAINED


def _origins(pointer: GraphPointer, names: SymbolHistory) -> list[_Origin]:
    steps = [("", pointer.name, "")]
    for step in pointer.set_by:
        function = names.canonical_name(step.function)
        # optimised code may show one store twice
        if step.what is not PointerOriginKind.WRITTEN or function != steps[-1][2]:
            steps.append((step.what, step.name, function))
    return steps


def _is_same_origin(old: _Origin, new: _Origin) -> bool:
    """Return whether kind, slot and function are equal; optimised code may not show the name of a slot."""
    same_slot = old[1] == new[1] or not old[1] or not new[1]
    return same_slot and (old[0], old[2]) == (new[0], new[2])
