"""What each kind of finding means and what to do about it, for platforms that show help beside a finding."""

from __future__ import annotations

from analyzer.diff.change import ChangeKind
from reports.changes.items import NOT_COMPARABLE, RULE_BROKEN, STALE_ENTRY

_MEANINGS = {
    ChangeKind.CHAIN_REMOVED: "A milestone that the old program reached is not reached by the new one.",
    ChangeKind.CHAIN_ADDED: "A milestone that the old program did not reach is reached by the new one.",
    ChangeKind.THREAD: "A milestone is reached on another thread than before.",
    ChangeKind.INSERTED: "A function came in between on the way to a milestone.",
    ChangeKind.REMOVED: "A function is not on the way to a milestone any more.",
    ChangeKind.RENAMED: "A function on the way to a milestone has another name, at the same place of the chain.",
    ChangeKind.CALL_KIND: "A direct call became one through a pointer, or the other way round.",
    ChangeKind.POINTER: "A call goes through another pointer, or another function sets the pointer.",
    ChangeKind.MOVED: "A function on the way to a milestone moved to another source file.",
    ChangeKind.IOCTL_REMOVED: "The kernel is not asked for something it was asked for before.",
    ChangeKind.IOCTL_ADDED: "The kernel is asked for something it was not asked for before.",
    ChangeKind.IOCTL_REORDERED: "The kernel is asked for the same things in another order.",
    ChangeKind.FUNCTION_REMOVED: "A function that no chain shows was not seen any more.",
    ChangeKind.FUNCTION_ADDED: "A function that no chain shows was seen for the first time.",
    ChangeKind.CALL_REMOVED: "A call that no chain shows was not seen any more.",
    ChangeKind.CALL_ADDED: "A call that no chain shows was seen for the first time.",
    ChangeKind.KIND_UNKNOWN: "How a call is made is known of one recording only: it may have changed.",
    ChangeKind.HITS: "A function was recorded more or less often.",
    ChangeKind.NUMBERED: "The same function of another machine version, which QEMU numbers.",
    ChangeKind.OPTIMISED: "A function was inlined or left by a jump in one of the builds; the way is the same.",
}
_ACCEPT = "If this is meant, accept it with a reason in the allow file, or take the new recording as the baseline."
_OTHERS = {
    RULE_BROKEN: "A rule of the allow file does not hold. Either the change is wrong, or the rule is out of date.",
    NOT_COMPARABLE: "This could not be compared, so nobody knows whether it changed. See that both sides were "
    "recorded to their end and that the symbol exists, or accept it with a reason in the allow file.",
    STALE_ENTRY: "An entry of the allow file matches nothing or has expired. Remove it, or decide again.",
}
SARIF_HELP = {kind.value: f"{text} {_ACCEPT}" for kind, text in _MEANINGS.items()} | _OTHERS
"""By the kind's word, or the name of the other checks."""
