"""Writes a judged comparison in GitHub Flavored Markdown, for a comment on a pull request.

Names come from an untrusted program: they are escaped, so that they create no markup, mention or link.
The syntax is that of the GitHub documentation, "Basic writing and formatting syntax" and "Autolinked references".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from analyzer.diff.change import AlignedRow, ChainDiff, Change
from analyzer.graph.reachability_rules import RuleOutcome
from analyzer.policy.verdict import JudgedDiff, RuleResult
from analyzer.text import number_of
from gdbscripts.call_kinds import ARROW_WIDTH
from reports.findings import ioctl_changes, off_chain_changes
from reports.sanitize import map_texts, sanitized
from reports.text.aligned_chains import call_arrows, file_text, function_text, marks_key
from reports.text.chain_rows import (
    Fold,
    differs_only_in_shared_rows,
    earlier_chain_titles,
    remarks,
    shown_rows,
    sign,
)
from reports.text.diff import threads_text
from reports.text.sentences import counted, first_divergence, sentence, side_sentence, summary

_MARKED_NAME = re.compile("\x02([^\x03]*)\x03")  # sanitized texts contain no control characters
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]#!|~$])")
_LIST_MARKER = re.compile(r"^(\d*)([-+=.)])")
_BACKTICKS = re.compile("`+")
# An invisible comment behind a character that begins a mention, an issue reference or a URL prevents the link.
_EMPTY_COMMENT = "<!-- -->"
_PLATFORM_SYNTAX = re.compile(r"(@|#(?=\w)|\bGH(?=-\d)|://|\bwww(?=\.)|[!&](?=\d)|[%~$](?=\w))")


def mark_name(text: str) -> str:
    """Return `text` with the marks by which `prose` recognises a name; "" stays ""."""
    return f"\x02{text}\x03" if text else ""


def prose(text: str) -> str:
    """Return a line of Markdown: marked names as code spans, the rest escaped against markup and links."""
    parts = _MARKED_NAME.split(text)
    escaped = [_escaped_prose(part, line_start=position == 0) for position, part in enumerate(parts[::2])]
    names = [*map(code, parts[1::2]), ""]
    return "".join(part for pair in zip(escaped, names, strict=True) for part in pair)


def code(text: str) -> str:
    """Return a code span of `text`, with a fence that `text` cannot end."""
    fences = "`" * (_longest_backtick_run([text]) + 1)
    padding = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fences}{padding}{text}{padding}{fences}"


def fence(lines: Iterable[str]) -> str:
    """Return a fence for a code block that none of `lines` can end."""
    return "`" * max(3, _longest_backtick_run(lines) + 1)


def _longest_backtick_run(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)


def _escaped_prose(text: str, line_start: bool) -> str:
    parts = _PLATFORM_SYNTAX.split(text)
    parts[::2] = map(_escaped, parts[::2])
    parts[1::2] = [_escaped(syntax) + _EMPTY_COMMENT for syntax in parts[1::2]]
    return _LIST_MARKER.sub(r"\1\\\2", "".join(parts)) if line_start else "".join(parts)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PUNCTUATION.sub(r"\\\1", text)


_OMISSION_LINE_BYTES = 120  # reserved for the sentence with the number of omitted changes


@dataclass(frozen=True)
class Section:
    """A part of a comment: `head`, rows and `tail`.

    A row is its text, and whether it counts as a change when it is omitted.
    """

    head: str
    rows: tuple[tuple[str, bool], ...]
    tail: str = ""


def truncate_sections(head: str, sections: Sequence[Section], limit: int) -> str:
    """Return `head` and the sections that have rows, in at most `limit` bytes of UTF-8; `head` must fit.

    At the end stands the number of omitted rows that count as changes.
    """
    room = limit - _size(head) - _OMISSION_LINE_BYTES
    blocks, omitted = [head], 0
    for section in sections:
        if not section.rows:
            continue
        shown = 0 if omitted else _rows_that_fit(section, room)
        omitted += sum(counts for _, counts in section.rows[shown:])
        if shown:
            rows = [text for text, _ in section.rows[:shown]]
            block = "\n".join([section.head, *rows, *([section.tail] if section.tail else [])]) + "\n"
            blocks.append(block)
            room -= _size(block) + 1
    if omitted:
        blocks.append(f"**{number_of(omitted, 'more change')}; see the report.**\n")
    return "\n".join(blocks)


def _rows_that_fit(section: Section, room: int) -> int:
    """Return how many rows of the section fit into `room` bytes, together with its head and its tail."""
    room -= _size(section.head) + _size(section.tail) + 3
    for position, (text, _) in enumerate(section.rows):
        room -= _size(text) + 1
        if room < 0:
            return position
    return len(section.rows)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


COMMENT_MARKER = "<!-- qemu-callchain -->"  # first line of a comment, which identifies it for an update
COMMENT_LIMIT = 65_000  # bytes; the body of a comment has at most 65,536 characters, says GitHub's API


def render(verdict: JudgedDiff, limit: int = COMMENT_LIMIT) -> str:
    """Return the comparison in at most `limit` bytes of UTF-8; the number of omitted changes is in the text."""
    verdict = sanitized(verdict)
    head = [COMMENT_MARKER, f"**Call chains: {prose(summary(verdict))}**", ""]
    head += [
        f"- Old: {prose(side_sentence(verdict.diff.old))}",
        f"- New: {prose(side_sentence(verdict.diff.new))}",
    ]
    if key := marks_key(verdict.diff.chains, full=False):
        head += ["", prose(key)]
    return truncate_sections("\n".join(head) + "\n", list(_sections(verdict)), limit)


def _sections(verdict: JudgedDiff) -> Iterator[Section]:
    chains = verdict.diff.chains
    shared_titles = earlier_chain_titles(chains)
    yield _list_section(
        "Not comparable", (f"{mark_name(part.subject)}: {part.reason}" for part in verdict.not_comparable)
    )
    yield _list_section("Rules that do not hold", map(_rule_text, verdict.broken))
    shared_only = []
    for chain, shared_with in zip(chains, shared_titles, strict=True):
        if differs_only_in_shared_rows(chain, shared_with):
            shared_only.append(f"{_chain_name(chain)}: shared with “{shared_with}”")
        elif chain.differs:
            yield _chain_section(chain, shared_with)
    yield _list_section("Differ only in functions shared with a chain above", shared_only)
    yield _list_section("Ioctls", (_sentence(entry.change) for entry in ioctl_changes(verdict) if entry.counts))
    yield _list_section(
        "Off the chains", (_sentence(entry.change) for entry in off_chain_changes(verdict) if entry.counts)
    )
    yield from _details(verdict)


def _details(verdict: JudgedDiff) -> Iterator[Section]:
    accepted = (f"{_sentence(entry.change)}: {entry.accepted}" for entry in verdict.findings if entry.accepted)
    notes = (_sentence(entry.change) for entry in verdict.findings if not entry.counts and not entry.accepted)
    unchanged = (_chain_name(chain) + _note_counts(chain) for chain in verdict.diff.chains if not chain.differs)
    holding = (_rule_text(rule) for rule in verdict.rules if rule.outcome is RuleOutcome.HOLDS)
    yield _list_section("Stale allow-list entries", verdict.stale, folded=True)
    yield _list_section("Accepted", accepted, folded=True)
    yield _list_section("Notes (not counted as changes)", notes, folded=True)
    yield _list_section("Rules that hold", holding, folded=True)
    yield _list_section("Unchanged", unchanged, folded=True)


def _rule_text(rule: RuleResult) -> str:
    return f"{mark_name(rule.rule)}: {rule.words}"


def _sentence(change: Change) -> str:
    return sentence(_with_marked_names(change))


def _with_marked_names(change: Change) -> Change:
    """Return the change with its names marked; its note stays prose."""
    return replace(map_texts(change, mark_name), note=change.note)


def _chain_with_marked_names(chain: ChainDiff) -> ChainDiff:
    rows = tuple(map(_row_with_marked_names, chain.rows))
    return replace(chain, rows=rows, changes=tuple(map(_with_marked_names, chain.changes)))


def _row_with_marked_names(row: AlignedRow) -> AlignedRow:
    return replace(map_texts(row, mark_name), changes=tuple(map(_with_marked_names, row.changes)))


def _chain_name(chain: ChainDiff) -> str:
    return f"{chain.title} ({threads_text(chain)})"


def _note_counts(chain: ChainDiff) -> str:
    return f", {counted(chain.changes)}" if chain.changes else ""


def _list_section(heading: str, entries: Iterable[str], folded: bool = False) -> Section:
    rows = [f"- {prose(entry)}" for entry in entries]
    if folded:
        head = f"<details><summary>{heading} ({len(rows)})</summary>\n"
        return Section(head, tuple((row, True) for row in rows), "\n</details>")
    return Section(f"### {heading}\n", tuple((row, True) for row in rows))


def _chain_section(chain: ChainDiff, shared_with: str) -> Section:
    rows = [line for row in shown_rows(chain, shared_with) for line in _row_lines(row)]
    fences = fence(line for line, _ in rows)
    divergence = prose(first_divergence(_chain_with_marked_names(chain)))
    head = f"### {prose(_chain_name(chain))}\n\n{divergence}\n\n{fences}diff"
    return Section(head, tuple(rows), fences)


def _row_lines(row: AlignedRow | Fold) -> Iterator[tuple[str, bool]]:
    """Yield a row as a line, then its remarks; each with whether it counts as a change."""
    if isinstance(row, Fold):
        yield f"  … {row.text} …", False
        return
    line = f"{sign(row)} {call_arrows(row):>{ARROW_WIDTH}} {function_text(row)}  {file_text(row)}"
    yield line, row.differs or (not row.changes and sign(row) != " ")
    for remark in remarks(row):
        yield f"       {remark}", False
