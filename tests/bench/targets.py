"""The targets as data (`targets.toml`), and whether a figure meets them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import Figure

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).with_name("targets.toml")
MET, NOT_MET, NOT_MEASURED, NO_TARGET = "met", "**not met**", "not measured", ""


@dataclass(frozen=True)
class Target:
    """What one figure is to reach; one of the two limits is None."""

    figure: str
    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        """ValueError unless there is exactly one limit."""
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"the target of {self.figure!r} needs at_most or at_least")

    def is_met(self, value: float) -> bool:
        """Whether `value` is within the limit, which itself is within."""
        if self.at_most is not None:
            return value <= self.at_most
        assert self.at_least is not None
        return value >= self.at_least

    @property
    def sentence(self) -> str:
        """The limit as text."""
        if self.at_most is not None:
            return f"at most {self.at_most:,g}"
        return f"at least {self.at_least:,g}"


@dataclass(frozen=True)
class JudgedFigure:
    """A figure, its target when it has one, and the mark: met, not met, not measured."""

    figure: Figure
    target: Target | None
    mark: str


def read_targets(file: Path = FILE) -> list[Target]:
    """The targets in `file`. ValueError when two are for one figure or one has no limit."""
    targets = [Target(**entry) for entry in tomllib.loads(file.read_text(encoding="utf-8"))["target"]]
    if len({target.figure for target in targets}) < len(targets):
        raise ValueError(f"{file} has two targets for one figure")
    return targets


def judge(figures: Sequence[Figure], targets: Iterable[Target], groups: Sequence[str]) -> list[JudgedFigure]:
    """All figures, each with its mark; then the targets of the groups that ran whose figure nobody gave.

    The group of a target is its name up to the colon.
    """
    by_name = {target.figure: target for target in targets}
    judged = [JudgedFigure(figure, by_name.get(figure.name), _mark(figure, by_name)) for figure in figures]
    given = {figure.name for figure in figures}
    ran = tuple(f"{group}:" for group in groups)
    for name, target in by_name.items():
        if name not in given and name.startswith(ran):
            judged.append(JudgedFigure(Figure(name, None, missing="no such figure"), target, NOT_MEASURED))
    return judged


def _mark(figure: Figure, targets: dict[str, Target]) -> str:
    target = targets.get(figure.name)
    if figure.value is None:
        return NOT_MEASURED
    if target is None:
        return NO_TARGET
    return MET if target.is_met(figure.value) else NOT_MET
