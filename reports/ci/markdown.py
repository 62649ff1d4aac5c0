"""Text of a program inside of Markdown: it says what it says, and does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from analyzer.diff.change import AlignedRow, ChainDiff, Change
from analyzer.graph.rules import RuleOutcome
from analyzer.model.call_kinds import ARROW_WIDTH
from analyzer.policy.verdict import JudgedDiff
from analyzer.text import number_of
from reports.findings import ioctl_changes, off_chain_changes
from reports.sanitize import map_texts, sanitized
from reports.text.aligned_chains import call_arrows, key, name_of, place_of
from reports.text.chain_rows import Fold, differs_like_before, like_before, remarks, shown_rows, sign
from reports.text.diff import threads
from reports.text.sentences import counted, first_divergence, sentence, side_sentence, summary

_NAME = re.compile("\x02([^\x03]*)\x03")  # texts that are shown contain no such characters
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]#!|~$])")
_BEGINNING = re.compile(r"^(\d*)([-+=.)])")
_RUN = re.compile("`+")
# An empty comment ends a word unseen: nobody is mentioned, no issue is linked, no address becomes a link.
_NOTHING = "<!-- -->"
_ACTIVE = re.compile(r"(@|#(?=\w)|\bGH(?=-\d)|://|\bwww(?=\.)|[!&](?=\d)|[%~$](?=\w))")


def name(text: str) -> str:
    """`text`, marked for `prose` as a name; "" stays what it is."""
    return f"\x02{text}\x03" if text else ""


def prose(text: str) -> str:
    """A line of Markdown: names in code spans; in the rest nothing that Markdown or a platform would act upon."""
    parts = _NAME.split(text)
    plain = [_plain(part, beginning=position == 0) for position, part in enumerate(parts[::2])]
    names = [*map(code, parts[1::2]), ""]
    return "".join(part for pair in zip(plain, names, strict=True) for part in pair)


def code(text: str) -> str:
    """A code span."""
    fences = "`" * (_longest_run([text]) + 1)
    padding = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fences}{padding}{text}{padding}{fences}"


def fence(lines: Iterable[str]) -> str:
    """The line that begins a block of code which none of `lines` can end."""
    return "`" * max(3, _longest_run(lines) + 1)


def _longest_run(lines: Iterable[str]) -> int:
    return max((len(run) for line in lines for run in _RUN.findall(line)), default=0)


def _plain(text: str, beginning: bool) -> str:
    parts = _ACTIVE.split(text)
    parts[::2] = map(_escaped, parts[::2])
    parts[1::2] = [_escaped(active) + _NOTHING for active in parts[1::2]]
    return _BEGINNING.sub(r"\1\\\2", "".join(parts)) if beginning else "".join(parts)


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PUNCTUATION.sub(r"\\\1", text)


_RESERVED = 120  # bytes for the sentence on what was left out


@dataclass(frozen=True)
class Section:
    """A heading, rows, and what ends it. A row says whether it counts when it is left out."""

    head: str
    rows: tuple[tuple[str, bool], ...]
    tail: str = ""


def truncate_sections(head: str, sections: Sequence[Section], limit: int) -> str:
    """`head` and the sections with rows, in no more than `limit` bytes of UTF-8; `head` is expected to fit."""
    room = limit - _size(head) - _RESERVED
    lines, left = [head], 0
    for section in sections:
        if not section.rows:
            continue
        kept = 0 if left else _fitting(section, room)
        left += sum(counts for _, counts in section.rows[kept:])
        if kept:
            rows = [text for text, _ in section.rows[:kept]]
            whole = "\n".join([section.head, *rows, *([section.tail] if section.tail else [])]) + "\n"
            lines.append(whole)
            room -= _size(whole) + 1
    if left:
        lines.append(f"**{number_of(left, 'more change')}; see the report.**\n")
    return "\n".join(lines)


def _fitting(section: Section, room: int) -> int:
    """How many rows of the section fit with its head and its tail."""
    room -= _size(section.head) + _size(section.tail) + 3
    for position, (text, _) in enumerate(section.rows):
        room -= _size(text) + 1
        if room < 0:
            return position
    return len(section.rows)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


COMMENT_MARKER = "<!-- qemu-callchain -->"  # first line of a comment, by which it is found again to be replaced
COMMENT = 65_000  # GitHub takes 65,536 characters


def render(verdict: JudgedDiff, limit: int = COMMENT) -> str:
    """The verdict in GitHub's Markdown, in no more than `limit` bytes; what is left out is counted."""
    verdict = sanitized(verdict)
    head = [COMMENT_MARKER, f"**Call chains: {prose(summary(verdict))}**", ""]
    head += [
        f"- Old: {prose(side_sentence(verdict.diff.old))}",
        f"- New: {prose(side_sentence(verdict.diff.new))}",
    ]
    if words := key(verdict.diff.chains, full=False):
        head += ["", prose(words)]
    return truncate_sections("\n".join(head) + "\n", list(_sections(verdict)), limit)


def _sections(verdict: JudgedDiff) -> Iterator[Section]:
    chains = verdict.diff.chains
    likes = [like_before(chains, position) for position in range(len(chains))]
    yield _list("Could not be checked", (f"{name(one.subject)}: {one.reason}" for one in verdict.not_comparable))
    yield _list("Rules that do not hold", (f"{name(one.rule)}: {one.words}" for one in verdict.broken))
    alike = []
    for chain, like in zip(chains, likes, strict=True):
        if differs_like_before(chain, like):
            alike.append(f"{_name(chain)}: as “{like}”")
        elif chain.differs:
            yield _chain(chain, like)
    yield _list("Differ only as a chain above does", alike)
    yield _list("Ioctls", (_sentence(one.change) for one in ioctl_changes(verdict) if one.counts))
    yield _list("Outside the chains", (_sentence(one.change) for one in off_chain_changes(verdict) if one.counts))
    yield from _details(verdict)


def _details(verdict: JudgedDiff) -> Iterator[Section]:
    accepted = (f"{_sentence(one.change)}: {one.accepted}" for one in verdict.findings if one.accepted)
    told = (_sentence(one.change) for one in verdict.findings if not one.counts and not one.accepted)
    same = (_name(chain) + _notes(chain) for chain in verdict.diff.chains if not chain.differs)
    held = (f"{name(one.rule)}: {one.words}" for one in verdict.rules if one.outcome is RuleOutcome.HOLDS)
    yield _list("Entries of the allow file that do not fit any more", verdict.stale, folded=True)
    yield _list("Accepted", accepted, folded=True)
    yield _list("Told, not counted", told, folded=True)
    yield _list("Rules that hold", held, folded=True)
    yield _list("The same", same, folded=True)


def _sentence(change: Change) -> str:
    return sentence(_named(change))


def _named(change: Change) -> Change:
    """The change with its names marked; what is known besides is prose."""
    return replace(map_texts(change, name), note=change.note)


def _with_names(chain: ChainDiff) -> ChainDiff:
    rows = (replace(map_texts(row, name), changes=tuple(map(_named, row.changes))) for row in chain.rows)
    return replace(chain, rows=tuple(rows), changes=tuple(map(_named, chain.changes)))


def _name(chain: ChainDiff) -> str:
    return f"{chain.title} ({threads(chain)})"


def _notes(chain: ChainDiff) -> str:
    return f", {counted(chain.changes)}" if chain.changes else ""


def _list(heading: str, entries: Iterable[str], folded: bool = False) -> Section:
    rows = [f"- {prose(entry)}" for entry in entries]
    if folded:
        head = f"<details><summary>{heading} ({len(rows)})</summary>\n"
        return Section(head, tuple((row, True) for row in rows), "\n</details>")
    return Section(f"### {heading}\n", tuple((row, True) for row in rows))


def _chain(chain: ChainDiff, like: str) -> Section:
    rows = [line for row in shown_rows(chain, like) for line in _lines(row)]
    fences = fence(line for line, _ in rows)
    head = f"### {prose(_name(chain))}\n\n{prose(first_divergence(_with_names(chain)))}\n\n{fences}diff"
    return Section(head, tuple(rows), fences)


def _lines(row: AlignedRow | Fold) -> Iterator[tuple[str, bool]]:
    """A row as a line, and whether it counts; what its columns do not show stands below it."""
    if isinstance(row, Fold):
        yield f"  … {row.words} …", False
        return
    line = f"{sign(row)} {call_arrows(row):>{ARROW_WIDTH}} {name_of(row)}  {place_of(row)}"
    yield line, row.differs or (not row.changes and sign(row) != " ")
    for remark in remarks(row):
        yield f"       {remark}", False
