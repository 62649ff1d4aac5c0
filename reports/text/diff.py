"""A verdict for a person at a terminal: the chains of each milestone side by side, then everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from analyzer.diff.change import ChainDiff, ChangeKind
from analyzer.graph.rules import RuleOutcome
from analyzer.policy.verdict import JudgedChange, JudgedDiff
from reports.findings import ioctl_changes, off_chain_changes
from reports.sanitize import sanitized
from reports.text.aligned_chains import block, key
from reports.text.chain_rows import differs_like_before, like_before
from reports.text.colour import painted
from reports.text.sentences import counted, first_divergence, sentence, side_sentence, summary

_LONG_LIST = 30  # entries of a list that are shown unless all are asked for
_EXAMPLES = 5
_NO_BREAK = "\N{NO-BREAK SPACE}"
_OUTCOMES = {RuleOutcome.HOLDS: "holds", RuleOutcome.BROKEN: "BROKEN"}


def render(verdict: JudgedDiff, width: int = 80, colour: bool = False, full: bool = False) -> str:
    """The verdict in words. From 100 columns on the chains stand in two of them; `full` folds nothing away."""
    verdict = sanitized(verdict)
    lines = [f"Old: {side_sentence(verdict.diff.old)}", f"New: {side_sentence(verdict.diff.new)}"]
    lines += _chains(verdict.diff.chains, width, colour, full)
    for heading, entries in _lists(verdict, full):
        lines += _list(heading, list(entries), colour, full)
    lines += ["", painted(summary(verdict), "bold" if colour else "")]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def aligned_text(chain: ChainDiff, like: str) -> str:
    """One chain's rows as plain text, where there is no terminal."""
    return "\n".join(line.rstrip() for line in block(chain, like, width=80, colour=False, full=False))


def threads(chain: ChainDiff) -> str:
    """The thread or threads that reach the milestone."""
    both = dict.fromkeys(name for name in (chain.old_thread, chain.new_thread) if name)
    return " → ".join(both) or "no thread known"


def _chains(chains: tuple[ChainDiff, ...], width: int, colour: bool, full: bool) -> Iterator[str]:
    if words := key(chains, full):
        yield from ("", *_wrapped(words, width))
    in_a_list = False
    for position, chain in enumerate(chains):
        like = like_before(chains, position)
        name = f"{chain.title} ({threads(chain)})"
        short = "" if full and chain.differs else _in_a_line(chain, name, like)
        if not short or not in_a_list:
            yield ""
        in_a_list = bool(short)
        if short:
            yield short
        else:
            yield from (painted(name, "bold" if colour else ""), first_divergence(chain))
            yield from block(chain, like, width, colour, full)


def _wrapped(words: str, width: int) -> list[str]:
    """The key in lines, none of which ends between a sign and its meaning."""
    items = [item.replace(" ", _NO_BREAK) for item in words.split("; ")]
    return [line.replace(_NO_BREAK, " ") for line in wrap("; ".join(items), width, break_on_hyphens=False)]


def _in_a_line(chain: ChainDiff, name: str, like: str) -> str:
    """The chain in a line, when that is enough; "" otherwise."""
    if not chain.differs:
        notes = counted(chain.changes)
        return f"The same: {name}{f', {notes}' if notes else ''}"
    return f"Differs only as “{like}” does: {name}" if differs_like_before(chain, like) else ""


def _lists(verdict: JudgedDiff, full: bool) -> Iterator[tuple[str, Iterable[str]]]:
    told = [one for one in verdict.findings if not one.counts and not one.accepted]
    yield "Ioctls", map(_sentence, _plain(ioctl_changes(verdict)))
    yield "Outside the chains", map(_sentence, _plain(off_chain_changes(verdict)))
    yield "Accepted", (f"{sentence(one.change)}: {one.accepted}" for one in verdict.findings if one.accepted)
    yield "Told, not counted", map(_sentence, told) if full else _examples(told)
    decided = (one for one in verdict.rules if one.outcome in _OUTCOMES)  # others could not be checked
    yield "Rules", (f"{_OUTCOMES[one.outcome]}: {one.rule}: {one.words}" for one in decided)
    yield "Entries of the allow file that do not fit any more", verdict.stale
    yield "Could not be checked", (f"{one.subject}: {one.reason}" for one in verdict.not_comparable)


def _plain(findings: list[JudgedChange]) -> list[JudgedChange]:
    """Those that count; the others have lists of their own."""
    return [one for one in findings if one.counts]


def _sentence(finding: JudgedChange) -> str:
    return sentence(finding.change)


def _examples(findings: list[JudgedChange]) -> Iterator[str]:
    for kind in ChangeKind:
        changes = tuple(one.change for one in findings if one.change.kind is kind)
        if changes:
            names = list(dict.fromkeys(change.subject for change in changes))
            more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
            yield f"{counted(changes)}: {', '.join(names[:_EXAMPLES])}{more}"


def _list(heading: str, entries: list[str], colour: bool, full: bool) -> Iterator[str]:
    if not entries:
        return
    yield from ("", painted(f"{heading}:", "bold" if colour else ""))
    # What could not be checked is never cut: it must not pass silently.
    most = len(entries) if full or heading == "Could not be checked" else _LONG_LIST
    yield from (f"  {entry}" for entry in entries[:most])
    if len(entries) > most:
        yield f"  … {len(entries) - most} more"
