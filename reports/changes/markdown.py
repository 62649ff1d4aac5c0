"""A verdict as a comment on a pull request, or a step's summary, within the size that a platform takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from analyzer.ci.job import MARKER
from analyzer.diff.change import AlignedRow, ChainDiff, Change
from analyzer.diff.verdict import JudgedDiff
from analyzer.diff.words import counted, first_divergence, sentence, side_sentence, summary
from reports.changes.aligned import legend, name_of, place_of, way_of
from reports.changes.escape import fence, name, prose
from reports.changes.fit import Section, truncate_sections
from reports.changes.items import ioctl_changes, off_chain_changes
from reports.changes.rows import Fold, differs_like_before, like_before, mark, remarks, shown_rows
from reports.changes.safe import map_texts, sanitized
from reports.changes.text import threads

COMMENT = 65_000  # GitHub takes 65,536 characters


def render(verdict: JudgedDiff, limit: int = COMMENT) -> str:
    """The verdict in GitHub's Markdown, in no more than `limit` bytes; what is left out is counted."""
    verdict = sanitized(verdict)
    head = [MARKER, f"**Call chains: {prose(summary(verdict))}**", ""]
    head += [
        f"- Old: {prose(side_sentence(verdict.diff.old))}",
        f"- New: {prose(side_sentence(verdict.diff.new))}",
    ]
    if words := legend(verdict.diff.chains, full=False):
        head += ["", prose(f"Marks: {words}")]
    return truncate_sections("\n".join(head) + "\n", list(_sections(verdict)), limit)


def _sections(verdict: JudgedDiff) -> Iterator[Section]:
    chains = verdict.diff.chains
    likes = [like_before(chains, position) for position in range(len(chains))]
    yield _list("Could not be checked", (f"{name(one.subject)}: {one.reason}" for one in verdict.unchecked))
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
    held = (f"{name(one.rule)}: {one.words}" for one in verdict.rules if one.outcome == "holds")
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
    """A row as a diff has it: what differs on both sides is a line for each."""
    if isinstance(row, Fold):
        yield f"  … {row.words} …", False
        return
    sign = mark(row)
    if sign in " +-":
        yield f"{sign} {way_of(row):>2} {name_of(row)}  {place_of(row)}", sign != " "
    else:
        yield f"{'!' if row.differs else ' '} {sign} {way_of(row)} {name_of(row)}  {place_of(row)}", row.differs
    for remark in remarks(row):
        yield f"       {remark}", False
