"""Changes in words, for every output alike. Plain text: neither colours nor escapes."""

from __future__ import annotations

from collections import Counter

from analyzer.diff.change import ChainDiff, Change, ChangeKind, Row, Side
from analyzer.diff.verdict import Verdict

_AFTER = {ChangeKind.INSERTED, ChangeKind.REMOVED}
_TEMPLATES = {
    ChangeKind.CHAIN_REMOVED: "{subject} is not reached any more",
    ChangeKind.CHAIN_ADDED: "{subject} is reached now",
    ChangeKind.THREAD: "{subject} is reached on {new}, before on {old}",
    ChangeKind.INSERTED: "{new} came in",
    ChangeKind.REMOVED: "{old} is gone",
    ChangeKind.RENAMED: "{old} became {new}",
    ChangeKind.NUMBERED: "{old} is {new} now: another machine version",
    ChangeKind.MOVED: "{subject} moved from {old} to {new}",
    ChangeKind.CALL_KIND: "{subject}: the call was {old}, it is {new} now",
    ChangeKind.POINTER: "{subject}: the pointer was {old}; it is {new} now",
    ChangeKind.OPTIMISED: "{subject}: {old} before, {new} now, as compilers do; the way is the same",
    ChangeKind.IOCTL_REMOVED: "{subject} is not asked any more",
    ChangeKind.IOCTL_ADDED: "{subject} is asked now",
    ChangeKind.IOCTL_REORDERED: "{subject} is asked {new} now; it was {old}",
    ChangeKind.FUNCTION_REMOVED: "{subject} was not seen any more, outside the chains",
    ChangeKind.FUNCTION_ADDED: "{subject} was seen now, outside the chains",
    ChangeKind.CALL_REMOVED: "{subject} was not seen any more, outside the chains",
    ChangeKind.CALL_ADDED: "{subject} was seen now, outside the chains",
    ChangeKind.HITS: "{subject} was recorded {old} times, now {new} times",
}
_PLURALS = {
    ChangeKind.CHAIN_REMOVED: "{} milestones not reached any more",
    ChangeKind.CHAIN_ADDED: "{} milestones reached now",
    ChangeKind.THREAD: "{} on another thread",
    ChangeKind.INSERTED: "{} inserted",
    ChangeKind.REMOVED: "{} removed",
    ChangeKind.RENAMED: "{} renamed",
    ChangeKind.NUMBERED: "{} of another machine version",
    ChangeKind.MOVED: "{} moved",
    ChangeKind.CALL_KIND: "{} called in another way",
    ChangeKind.POINTER: "{} set in another way",
    ChangeKind.OPTIMISED: "{} optimised differently",
    ChangeKind.IOCTL_REMOVED: "{} ioctls removed",
    ChangeKind.IOCTL_ADDED: "{} ioctls added",
    ChangeKind.IOCTL_REORDERED: "{} ioctls reordered",
    ChangeKind.FUNCTION_REMOVED: "{} functions gone outside the chains",
    ChangeKind.FUNCTION_ADDED: "{} functions new outside the chains",
    ChangeKind.CALL_REMOVED: "{} calls gone outside the chains",
    ChangeKind.CALL_ADDED: "{} calls new outside the chains",
    ChangeKind.HITS: "{} counted differently",
}


def sentence(change: Change) -> str:
    """The change in a sentence without its full stop."""
    text = _TEMPLATES[change.kind].format(subject=change.subject, old=change.old, new=change.new)
    if change.kind in _AFTER:
        text += f" after {change.after}" if change.after else " at the beginning"
    return f"{text} ({change.note})" if change.note else text


def counted(changes: tuple[Change, ...]) -> str:
    """How many of each kind: `2 inserted, 1 renamed`; "" for none."""
    numbers = Counter(change.kind for change in changes)
    return ", ".join(_PLURALS[kind].format(numbers[kind]) for kind in ChangeKind if numbers[kind])


def first_divergence(chain: ChainDiff) -> str:
    """Where the two chains part first, in a sentence; "" when they do not."""
    if not chain.differs:
        return ""
    row = chain.divergence
    if row is None:
        return sentence(chain.changes[0]) + "."
    what = "; ".join(sentence(change) for change in row.changes)
    return f"The chains part {_where(chain, row)}: {what}."


def side(which: Side) -> str:
    """What was compared, in a line."""
    provenance = which.provenance
    parts = [f"QEMU {provenance.qemu_version}" if provenance.qemu_version else "no version known"]
    parts += [str(provenance.build[name]) for name in ("profile",) if provenance.build.get(name)]
    parts += [provenance.accelerator] if provenance.accelerator else []
    parts += [f"guest {provenance.guest}"] if provenance.guest else []
    parts += [f"build-id {provenance.build_id[:12]}"] if provenance.build_id else []
    parts += [] if provenance.complete else ["not recorded to its end"]
    return f"{which.name} ({', '.join(parts)})"


def summary(verdict: Verdict) -> str:
    """The whole in a sentence: what counts, what was accepted, what could not be checked."""
    counting = tuple(finding.change for finding in verdict.counting)
    accepted = sum(bool(finding.accepted) for finding in verdict.findings)
    notes = tuple(f.change for f in verdict.findings if not f.counts and not f.accepted)
    parts = [counted(counting) if counting else "No change that counts"]
    parts += [f"{len(verdict.broken)} rules broken"] if verdict.broken else []
    parts += [f"{accepted} accepted"] if accepted else []
    parts += [f"besides {counted(notes)}"] if notes else []
    parts += [f"{len(verdict.unchecked)} could not be checked"] if verdict.unchecked else []
    return "; ".join(parts) + "."


def _where(chain: ChainDiff, row: Row) -> str:
    position = chain.rows.index(row)
    before = next((r for r in reversed(chain.rows[:position]) if r.old and r.new), None)
    if before is None or before.new is None:
        return "at the beginning"
    return f"after {before.new.function.name}"
