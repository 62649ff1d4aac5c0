"""Writes a judged comparison as plain text: the aligned chains of each milestone, then all other results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from analyzer.diff.change import ChainDiff, ChangeKind
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import JudgedChange, JudgedDiff
from reports.findings import ioctl_changes, off_chain_changes
from reports.sanitize import sanitized
from reports.text.aligned_chains import aligned_lines, marks_key
from reports.text.chain_rows import differs_only_in_shared_rows, earlier_chain_titles
from reports.text.colour import painted
from reports.text.sentences import counted, first_divergence, sentence, side_sentence, summary

_LIST_LIMIT = 30  # entries of a list that are shown unless all are asked for
_EXAMPLES_PER_KIND = 5
_NO_BREAK = "\N{NO-BREAK SPACE}"
_OUTCOMES = {RuleOutcome.HOLDS: "holds", RuleOutcome.BROKEN: "BROKEN"}


def render(verdict: JudgedDiff, width: int = 80, colour: bool = False, full: bool = False) -> str:
    """Return the comparison as text, with a line end.

    `width` is the width of the terminal in columns; from `TWO_COLUMNS_WIDTH` on, old and new chain stand side by
    side. With `colour` the text has ANSI escapes. `full` shows all rows, and lists without a limit.
    """
    verdict = sanitized(verdict)
    lines = [f"Old: {side_sentence(verdict.diff.old)}", f"New: {side_sentence(verdict.diff.new)}"]
    lines += _chains(verdict.diff.chains, width, colour, full)
    for heading, entries in _lists(verdict, full):
        lines += _list(heading, list(entries), colour, full)
    lines += ["", painted(summary(verdict), "bold" if colour else "")]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def aligned_text(chain: ChainDiff, shared_with: str) -> str:
    """Return the rows of a chain as plain text for 80 columns, folded as in `shown_rows`."""
    return "\n".join(
        line.rstrip() for line in aligned_lines(chain, shared_with, width=80, colour=False, full=False)
    )


def threads_text(chain: ChainDiff) -> str:
    """Return the thread that reaches the milestone, OLD → NEW when the sides differ."""
    threads_of_sides = dict.fromkeys(name for name in (chain.old_thread, chain.new_thread) if name)
    return " → ".join(threads_of_sides) or "unknown thread"


def _chains(chains: tuple[ChainDiff, ...], width: int, colour: bool, full: bool) -> Iterator[str]:
    if key := marks_key(chains, full):
        yield from ("", *_wrapped_key(key, width))
    in_list = False
    for chain, shared_with in zip(chains, earlier_chain_titles(chains), strict=True):
        name = f"{chain.title} ({threads_text(chain)})"
        short = "" if full and chain.differs else _short_line(chain, name, shared_with)
        if not short or not in_list:
            yield ""
        in_list = bool(short)
        if short:
            yield short
        else:
            yield from (painted(name, "bold" if colour else ""), first_divergence(chain))
            yield from aligned_lines(chain, shared_with, width, colour, full)


def _wrapped_key(key: str, width: int) -> list[str]:
    """Return the key in lines of at most `width` characters; a sign and its meaning stay on one line."""
    items = [item.replace(" ", _NO_BREAK) for item in key.split("; ")]
    return [line.replace(_NO_BREAK, " ") for line in wrap("; ".join(items), width, break_on_hyphens=False)]


def _short_line(chain: ChainDiff, name: str, shared_with: str) -> str:
    """Return one line for a chain without differences of its own; "" for other chains."""
    if not chain.differs:
        notes = counted(chain.changes)
        return f"Unchanged: {name}{f', {notes}' if notes else ''}"
    return (
        f"Differs only in functions shared with “{shared_with}”: {name}"
        if differs_only_in_shared_rows(chain, shared_with)
        else ""
    )


def _lists(verdict: JudgedDiff, full: bool) -> Iterator[tuple[str, Iterable[str]]]:
    notes = [finding for finding in verdict.findings if not finding.counts and not finding.accepted]
    yield "Ioctls", map(_sentence, _counting(ioctl_changes(verdict)))
    yield "Off the chains", map(_sentence, _counting(off_chain_changes(verdict)))
    yield "Accepted", (f"{_sentence(entry)}: {entry.accepted}" for entry in verdict.findings if entry.accepted)
    yield "Notes (not counted as changes)", map(_sentence, notes) if full else _notes_by_kind(notes)
    decided = (rule for rule in verdict.rules if rule.outcome in _OUTCOMES)  # the others are not comparable
    yield "Rules", (f"{_OUTCOMES[rule.outcome]}: {rule.rule}: {rule.words}" for rule in decided)
    yield "Stale allow-list entries", verdict.stale
    yield "Not comparable", (f"{part.subject}: {part.reason}" for part in verdict.not_comparable)


def _counting(findings: list[JudgedChange]) -> list[JudgedChange]:
    """Return the changes that count: accepted changes and notes have lists of their own."""
    return [finding for finding in findings if finding.counts]


def _sentence(finding: JudgedChange) -> str:
    return sentence(finding.change)


def _notes_by_kind(findings: list[JudgedChange]) -> Iterator[str]:
    for kind in ChangeKind:
        changes = tuple(finding.change for finding in findings if finding.change.kind is kind)
        if changes:
            names = list(dict.fromkeys(change.subject for change in changes))
            more = f" and {len(names) - _EXAMPLES_PER_KIND} more" if len(names) > _EXAMPLES_PER_KIND else ""
            yield f"{counted(changes)}: {', '.join(names[:_EXAMPLES_PER_KIND])}{more}"


def _list(heading: str, entries: list[str], colour: bool, full: bool) -> Iterator[str]:
    if not entries:
        return
    yield from ("", painted(f"{heading}:", "bold" if colour else ""))
    # This list is never shortened: nothing that is not comparable may pass unnoticed.
    limit = len(entries) if full or heading == "Not comparable" else _LIST_LIMIT
    yield from (f"  {entry}" for entry in entries[:limit])
    if len(entries) > limit:
        yield f"  … {len(entries) - limit} more"
