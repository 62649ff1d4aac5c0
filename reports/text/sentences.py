"""Changes in words, for every output alike. Plain text: neither colours nor escapes."""

from __future__ import annotations

from collections import Counter

from analyzer.diff.change import NOTES, AlignedRow, ChainDiff, Change, ChangeKind, Diff, NamedProvenance
from analyzer.graph.call_graph import Provenance, start_differences
from analyzer.policy.verdict import JudgedDiff
from analyzer.text import number_of

_KINDS_WITH_POSITION = {ChangeKind.INSERTED, ChangeKind.REMOVED}
_SENTENCE_TEMPLATES = {
    ChangeKind.CHAIN_REMOVED: "{subject} is not reached any more on {old}",
    ChangeKind.CHAIN_ADDED: "{subject} is reached now on {new}",
    ChangeKind.THREAD: "{subject} is reached on {new}, before on {old}",
    ChangeKind.INSERTED: "{new} came in",
    ChangeKind.REMOVED: "{old} is gone",
    ChangeKind.RENAMED: "{old} became {new}",
    ChangeKind.MACHINE_VERSION: "{old} is {new} now: another machine version",
    ChangeKind.MOVED: "{subject} moved from {old} to {new}",
    ChangeKind.CALL_KIND: "{subject}: {old} became {new}",
    ChangeKind.POINTER: "{subject}: the pointer was {old}; it is {new} now",
    ChangeKind.OPTIMISED: "{subject}: {old} before, {new} now, as compilers do; the way is the same",
    ChangeKind.IOCTL_REMOVED: "{subject} is not asked any more",
    ChangeKind.IOCTL_ADDED: "{subject} is asked now",
    ChangeKind.IOCTL_REORDERED: "{subject} is asked {new} now; it was {old}",
    ChangeKind.FUNCTION_REMOVED: "{subject} was not seen any more, outside the chains",
    ChangeKind.FUNCTION_ADDED: "{subject} was seen now, outside the chains",
    ChangeKind.CALL_REMOVED: "{subject} was not seen any more, outside the chains",
    ChangeKind.CALL_ADDED: "{subject} was seen now, outside the chains",
    ChangeKind.KIND_UNKNOWN: "{subject}: how it is called is known on one side only: {old} before, {new} now",
    ChangeKind.HITS: "{subject} was recorded {old} times, now {new} times",
}
_COUNT_TEMPLATES = {
    ChangeKind.CHAIN_REMOVED: "{} not reached any more",
    ChangeKind.CHAIN_ADDED: "{} reached now",
    ChangeKind.THREAD: "{} on another thread",
    ChangeKind.INSERTED: "{} inserted",
    ChangeKind.REMOVED: "{} removed",
    ChangeKind.RENAMED: "{} renamed",
    ChangeKind.MACHINE_VERSION: "{} of another machine version",
    ChangeKind.MOVED: "{} moved",
    ChangeKind.CALL_KIND: "{} called in another way",
    ChangeKind.POINTER: "{} with another pointer",
    ChangeKind.OPTIMISED: "{} optimised differently",
    ChangeKind.IOCTL_REMOVED: "{} not asked any more",
    ChangeKind.IOCTL_ADDED: "{} asked now",
    ChangeKind.IOCTL_REORDERED: "{} asked in another order",
    ChangeKind.FUNCTION_REMOVED: "{} gone outside the chains",
    ChangeKind.FUNCTION_ADDED: "{} new outside the chains",
    ChangeKind.CALL_REMOVED: "{} gone outside the chains",
    ChangeKind.CALL_ADDED: "{} new outside the chains",
    ChangeKind.KIND_UNKNOWN: "{} of which one side does not know how it is called",
    ChangeKind.HITS: "{} recorded more or less often",
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
    """The change in a sentence without its full stop."""
    position = ""
    if change.kind in _KINDS_WITH_POSITION:
        position = f" after {change.after}" if change.after else " at the beginning"
    return _fill_template(change, position)


def counted(changes: tuple[Change, ...]) -> str:
    """How many of each kind: `2 functions inserted, 1 function renamed`; "" for none."""
    numbers = Counter(change.kind for change in changes)
    return ", ".join(
        _COUNT_TEMPLATES[kind].format(number_of(numbers[kind], _COUNTED_NOUNS.get(kind, "function")))
        for kind in ChangeKind
        if numbers[kind]
    )


def first_divergence(chain: ChainDiff) -> str:
    """Where the two chains part first, in a sentence; "" when they do not."""
    if not chain.differs:
        return ""
    row = chain.divergence
    if row is None:
        return next(sentence(change) for change in chain.changes if change.kind not in NOTES) + "."
    changes = "; ".join(_fill_template(change) for change in row.changes)
    return f"The chains part {_divergence_position(chain, row)}: {changes}."


def side_sentence(side: NamedProvenance) -> str:
    """What was compared, in a line."""
    provenance = side.provenance
    parts = [f"QEMU {provenance.qemu_version}" if provenance.qemu_version else "no version known"]
    parts += [str(provenance.build[name]) for name in ("profile",) if provenance.build.get(name)]
    parts += [provenance.accelerator] if provenance.accelerator else []
    parts += [f"machine {provenance.machine}"] if provenance.machine else []
    parts += [f"guest {provenance.guest}"] if provenance.guest else []
    parts += [f"started with {provenance.arguments}"] if provenance.arguments else []
    parts += [f"build-id {provenance.build_id[:12]}"] if provenance.build_id else []
    parts += [] if provenance.complete else ["not recorded to its end"]
    return f"{side.name} ({', '.join(parts)})"


def summary(verdict: JudgedDiff) -> str:
    """The whole in a sentence: what counts, what was accepted, what could not be checked."""
    counting = tuple(finding.change for finding in verdict.counting)
    accepted = sum(bool(finding.accepted) for finding in verdict.findings)
    notes = tuple(finding.change for finding in verdict.findings if not finding.counts and not finding.accepted)
    parts = [counted(counting) if counting else "No change that counts"]
    parts += [f"{number_of(len(verdict.broken), 'rule')} broken"] if verdict.broken else []
    stale = len(verdict.stale)
    parts += [f"{number_of(stale, 'acceptance')} out of date"] if stale else []
    parts += [f"{accepted} accepted"] if accepted else []
    parts += [f"besides {counted(notes)}"] if notes else []
    parts += [f"{len(verdict.not_comparable)} could not be checked"] if verdict.not_comparable else []
    parts += [f"started with {differences}"] if (differences := _start_differences_of(verdict.diff)) else []
    return "; ".join(parts) + "."


def start_differences_text(old: Provenance, new: Provenance) -> str:
    """How the old and the new recording were started differently; "" when they were not."""
    return " and ".join(_START_DIFFERENCES[name] for name in start_differences(old, new))


def _start_differences_of(diff: Diff) -> str:
    """As `start_differences_text`; of pasted backtraces nobody knows."""
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
        return "at the beginning"
    return f"after {last_matched.new.function.name}"
