"""Aligns the chains of three or more graphs: for each milestone a table with a column for each version. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.diff.aligned_chains import align_steps, comparable_steps
from analyzer.diff.change import AlignedRow, Change, NamedGraph
from analyzer.diff.compare import history_between
from analyzer.diff.symbol_history import SymbolHistory
from analyzer.graph.call_graph import Chain, ChainStep


@dataclass(frozen=True)
class VersionCell:
    """A function of one version. `changes` are those since the last version before it that reaches the milestone.

    A version that does not have the function has `step` None; then `changes` has its removal, if that is where it
    was removed.
    """

    step: ChainStep | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class VersionRow:
    """A function through the versions: one cell for each version."""

    cells: tuple[VersionCell, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the function, each once, in the order of the versions."""
        return tuple(dict.fromkeys(cell.step.function.name for cell in self.cells if cell.step))

    @property
    def differs(self) -> bool:
        """Whether the function changes between versions, or is not in all that reach the milestone."""
        return any(cell.changes for cell in self.cells)


@dataclass(frozen=True)
class VersionsChain:
    """The chains to one milestone, outermost function first.

    `threads` has the thread of each version, "" for one whose recording has no chain to the milestone.
    """

    milestone: str
    title: str
    threads: tuple[str, ...]
    rows: tuple[VersionRow, ...]


def align_versions(
    graphs: Sequence[NamedGraph], names: SymbolHistory, kernel: bool = False
) -> list[VersionsChain]:
    """Return a table for each milestone, in the order of the scenario; versions are in the order of `graphs`.

    The table has the first chain of each version to the milestone. Each chain is aligned with that of the last
    version before it that has one. With `kernel` the kernel's functions are compared, too.
    """
    chains = [_first_chains(graph) for graph in graphs]
    milestones: dict[str, Chain] = {}
    for of_version in chains:
        for milestone, chain in of_version.items():
            milestones.setdefault(milestone, chain)
    in_order = sorted(milestones.values(), key=lambda chain: chain.position)
    return [
        _align_milestone(chain, [of_version.get(chain.milestone) for of_version in chains], graphs, names, kernel)
        for chain in in_order
    ]


def _first_chains(graph: NamedGraph) -> dict[str, Chain]:
    """The first chain to each milestone that the report tells about; to each, when there is none."""
    targets = [chain for chain in graph.graph.chains if chain.target] or graph.graph.chains
    return {chain.milestone: chain for chain in reversed(targets)}


def _align_milestone(
    sample: Chain,
    chains: Sequence[Chain | None],
    graphs: Sequence[NamedGraph],
    names: SymbolHistory,
    kernel: bool,
) -> VersionsChain:
    rows: list[VersionRow] = []
    last: int | None = None  # the last version that has the chain
    for version, chain in enumerate(chains):
        if chain is None:
            rows = [VersionRow((*row.cells, VersionCell())) for row in rows]
            continue
        steps = comparable_steps(chain.steps, kernel)
        if last is None:
            absent = (VersionCell(),) * version
            rows = [VersionRow((*absent, VersionCell(step))) for step in steps]
        else:
            rows = list(_with_version(rows, last, version, steps, graphs, names))
        last = version
    threads = tuple(chain.thread if chain else "" for chain in chains)
    return VersionsChain(sample.milestone, sample.title, threads, tuple(_with_joined_rows(rows)))


def _with_version(
    rows: Sequence[VersionRow],
    last: int,
    version: int,
    steps: Sequence[ChainStep],
    graphs: Sequence[NamedGraph],
    names: SymbolHistory,
) -> Iterator[VersionRow]:
    """Yield `rows` with a cell for `version`, whose chain is `steps`; a new function gets a row of its own.

    The chain is aligned with that of version `last`; the functions that `last` no longer has stay without one.
    """
    old_steps = [row.cells[last].step for row in rows]
    old = [step for step in old_steps if step is not None]
    history = history_between(graphs[last], graphs[version], names)
    imported = (graphs[last].imported, graphs[version].imported)
    aligned = iter(align_steps(old, steps, history, imported=imported))
    for row, old_step in zip(rows, old_steps, strict=True):
        if old_step is None:
            yield VersionRow((*row.cells, VersionCell()))
            continue
        for pair in aligned:
            if pair.old is not None:
                yield VersionRow((*row.cells, VersionCell(pair.new, pair.changes)))
                break
            yield _new_row(pair, version)
    yield from (_new_row(pair, version) for pair in aligned)


def _new_row(pair: AlignedRow, version: int) -> VersionRow:
    return VersionRow((*[VersionCell()] * version, VersionCell(pair.new, pair.changes)))


def _with_joined_rows(rows: Sequence[VersionRow]) -> list[VersionRow]:
    """Return the rows with one for a function that is removed and comes back, where its two rows are adjacent."""
    result: list[VersionRow] = []
    for row in rows:
        joined = _joined(result[-1], row) if result else None
        result[-1:] = [joined] if joined else [*result[-1:], row]
    return result


def _joined(first: VersionRow, second: VersionRow) -> VersionRow | None:
    if set(first.names) != set(second.names) or any(
        a.step and b.step for a, b in zip(first.cells, second.cells, strict=True)
    ):
        return None
    cells = (
        a if a.step else VersionCell(b.step, (*a.changes, *b.changes))
        for a, b in zip(first.cells, second.cells, strict=True)
    )
    return VersionRow(tuple(cells))
