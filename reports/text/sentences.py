"""Writes changes, divergences and summaries as sentences, the same for all outputs: plain text without escapes."""

from __future__ import annotations

from collections import Counter

from analyzer.diff.change import NOTES, AlignedRow, ChainDiff, Change, ChangeKind, Diff, NamedProvenance
from analyzer.graph.call_graph import Provenance, start_differences
from analyzer.policy.verdict import JudgedDiff
from analyzer.text import number_of

_KINDS_WITH_POSITION = {ChangeKind.INSERTED, ChangeKind.REMOVED}
_SENTENCE_TEMPLATES = {
    ChangeKind.CHAIN_REMOVED: "{subject} is no longer reached on {old}",
    ChangeKind.CHAIN_ADDED: "{subject} is newly reached on {new}",
    ChangeKind.THREAD: "{subject} is reached on {new} instead of {old}",
    ChangeKind.INSERTED: "{new} is added",
    ChangeKind.REMOVED: "{old} is removed",
    ChangeKind.RENAMED: "{old} is renamed to {new}",
    ChangeKind.MACHINE_VERSION: "{new} replaces {old}: the same function of another machine version",
    ChangeKind.MOVED: "{subject} is moved from {old} to {new}",
    ChangeKind.CALL_KIND: "{subject}: the call changes from {old} to {new}",
    ChangeKind.POINTER: "{subject}: the pointer changes from {old} to {new}",
    ChangeKind.OPTIMISED: "{subject}: {old} in the old build, {new} in the new build; the compiler's choice, "
    "the calls are the same",
    ChangeKind.IOCTL_REMOVED: "{subject} is no longer issued",
    ChangeKind.IOCTL_ADDED: "{subject} is newly issued",
    ChangeKind.IOCTL_REORDERED: "{subject} is issued {new} instead of {old}",
    ChangeKind.FUNCTION_REMOVED: "{subject} is no longer observed, off the chains",
    ChangeKind.FUNCTION_ADDED: "{subject} is newly observed, off the chains",
    ChangeKind.CALL_REMOVED: "{subject} is no longer observed, off the chains",
    ChangeKind.CALL_ADDED: "{subject} is newly observed, off the chains",
    ChangeKind.KIND_UNKNOWN: "{subject}: only one side knows the kind of the call: {old} in the old graph, "
    "{new} in the new graph",
    ChangeKind.HITS: "{subject} is recorded {old} times in the old graph and {new} times in the new graph",
}
_COUNT_TEMPLATES = {
    ChangeKind.CHAIN_REMOVED: "{} no longer reached",
    ChangeKind.CHAIN_ADDED: "{} newly reached",
    ChangeKind.THREAD: "{} on another thread",
    ChangeKind.INSERTED: "{} added",
    ChangeKind.REMOVED: "{} removed",
    ChangeKind.RENAMED: "{} renamed",
    ChangeKind.MACHINE_VERSION: "{} of another machine version",
    ChangeKind.MOVED: "{} moved",
    ChangeKind.CALL_KIND: "{} with another kind of call",
    ChangeKind.POINTER: "{} with another pointer",
    ChangeKind.OPTIMISED: "{} optimised differently",
    ChangeKind.IOCTL_REMOVED: "{} no longer issued",
    ChangeKind.IOCTL_ADDED: "{} newly issued",
    ChangeKind.IOCTL_REORDERED: "{} issued in another order",
    ChangeKind.FUNCTION_REMOVED: "{} removed off the chains",
    ChangeKind.FUNCTION_ADDED: "{} added off the chains",
    ChangeKind.CALL_REMOVED: "{} removed off the chains",
    ChangeKind.CALL_ADDED: "{} added off the chains",
    ChangeKind.KIND_UNKNOWN: "{} with a kind of call that only one side knows",
    ChangeKind.HITS: "{} with another number of recorded stacks",
}
_COUNTED_NOUNS = {
    ChangeKind.CHAIN_REMOVED: "milestone",
    ChangeKind.CHAIN_ADDED: "milestone",
    ChangeKind.IOCTL_REMOVED: "ioctl",
    ChangeKind.IOCTL_ADDED: "ioctl",
    ChangeKind.IOCTL_REORDERED: "ioctl",
    ChangeKind.CALL_REMOVED: "call",
    ChangeKind.CALL_ADDED: "call",
    ChangeKind.HITS: "call",
}
_START_DIFFERENCES = {
    "accelerator": "another accelerator",
    "machine": "another machine",
    "guest": "another guest",
    "arguments": "other arguments",
}


def sentence(change: Change) -> str:
    """Return the change as a sentence, without the full stop."""
    position = ""
    if change.kind in _KINDS_WITH_POSITION:
        position = f" after {change.after}" if change.after else " as the outermost function"
    return _fill_template(change, position)


def counted(changes: tuple[Change, ...]) -> str:
    """Return how many changes have each kind: `2 functions added, 1 function renamed`; "" for none."""
    numbers = Counter(change.kind for change in changes)
    return ", ".join(
        _COUNT_TEMPLATES[kind].format(number_of(numbers[kind], _COUNTED_NOUNS.get(kind, "function")))
        for kind in ChangeKind
        if numbers[kind]
    )


def first_divergence(chain: ChainDiff) -> str:
    """Return the sentence about the first row with a change that is no note; "" for a chain that does not differ.

    For a chain whose rows do not differ it is the sentence of the first change of the chain itself.
    """
    if not chain.differs:
        return ""
    row = chain.divergence
    if row is None:
        return next(sentence(change) for change in chain.changes if change.kind not in NOTES) + "."
    changes = "; ".join(_fill_template(change) for change in row.changes)
    return f"The chains diverge {_divergence_position(chain, row)}: {changes}."


def side_sentence(side: NamedProvenance) -> str:
    """Return a line with the name of a side and its provenance: QEMU version, accelerator, build-id and others."""
    provenance = side.provenance
    unknown = str(provenance.build.get("program", "unknown version"))
    parts = [f"QEMU {provenance.qemu_version}" if provenance.qemu_version else unknown]
    parts += [str(provenance.build[name]) for name in ("profile",) if provenance.build.get(name)]
    parts += [provenance.accelerator] if provenance.accelerator else []
    parts += [f"machine {provenance.machine}"] if provenance.machine else []
    parts += [f"guest {provenance.guest}"] if provenance.guest else []
    parts += [f"started with {provenance.arguments}"] if provenance.arguments else []
    parts += [f"build-id {provenance.build_id[:12]}"] if provenance.build_id else []
    parts += [] if provenance.complete else ["incomplete recording"]
    return f"{side.name} ({', '.join(parts)})"


def summary(verdict: JudgedDiff) -> str:
    """Return one sentence with the numbers of changes, broken rules, accepted changes, notes and other results."""
    counting = tuple(finding.change for finding in verdict.counting)
    accepted = sum(bool(finding.accepted) for finding in verdict.findings)
    notes = tuple(finding.change for finding in verdict.findings if not finding.counts and not finding.accepted)
    parts = [counted(counting) if counting else "No change that counts"]
    parts += [f"{number_of(len(verdict.broken), 'rule')} broken"] if verdict.broken else []
    stale = len(verdict.stale)
    parts += [number_of(stale, "stale allow-list entry", "stale allow-list entries")] if stale else []
    parts += [f"{accepted} accepted"] if accepted else []
    parts += [f"not counted: {counted(notes)}"] if notes else []
    parts += [f"{len(verdict.not_comparable)} not comparable"] if verdict.not_comparable else []
    parts += [f"started with {differences}"] if (differences := _start_differences_of(verdict.diff)) else []
    return "; ".join(parts) + "."


def start_differences_text(old: Provenance, new: Provenance) -> str:
    """Return how the starts of two recordings differ: `another machine and other arguments`; "" if not."""
    return " and ".join(_START_DIFFERENCES[name] for name in start_differences(old, new))


def _start_differences_of(diff: Diff) -> str:
    """Return `start_differences_text` of both sides; "" with an imported backtrace, which lacks these facts."""
    return start_differences_text(diff.old.provenance, diff.new.provenance) if diff.recorded else ""


def _fill_template(change: Change, position: str = "") -> str:
    text = (
        _SENTENCE_TEMPLATES[change.kind].format(subject=change.subject, old=change.old, new=change.new) + position
    )
    return f"{text} ({change.note})" if change.note else text


def _divergence_position(chain: ChainDiff, row: AlignedRow) -> str:
    matched = (earlier for earlier in reversed(chain.rows[: chain.rows.index(row)]) if earlier.old and earlier.new)
    last_matched = next(matched, None)
    if last_matched is None or last_matched.new is None:
        return "at the outermost function"
    return f"after {last_matched.new.function.name}"
