"""Scenarios: the milestones to record, one TOML file each. `startup.toml` explains the keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from analyzer.errors import AnalyzerError
from analyzer.model.headings import ASKED_FOR
from analyzer.recording.scenarios.keys import check_scenario
from analyzer.toml import TOMLError, load_toml, parse_toml
from gdbscripts.plan import AcceleratorTest, PlannedMilestone
from gdbscripts.records import ATTACHED, ATTACHED_IO, BREAK, CALLS_OF

_ATTACHED_NAMES = {"startup": ATTACHED, "io": ATTACHED_IO}


@dataclass(frozen=True)
class Scenario:
    """The milestones of a scenario for one accelerator, and how to test which accelerator runs."""

    name: str
    steps: tuple[PlannedMilestone, ...]
    accelerators: tuple[AcceleratorTest, ...]
    accessors: tuple[str, ...] = ()  # of `io`: functions of QEMU that call the function of a device


def load_scenario(name: str, accelerator: str, attached: bool = False) -> Scenario:
    """The scenario `name`, startup or io, without the milestones of other accelerators than `accelerator`.

    `attached`: the scenario of a program that ran before gdb attached to it, with a name of its own. Its required
    milestones are those that a running guest passes again and again; those it cannot reach again are passed.
    """
    return parse_scenario(load_toml(__name__, f"{name}.toml"), accelerator, attached)


def read_scenario(text: str, where: str, accelerator: str, attached: bool = False) -> Scenario:
    """The scenario in the TOML `text` of the file `where`; the other parameters as `load_scenario`.

    AnalyzerError, which names the file and what is wrong, when the text is no scenario.
    """
    try:
        return parse_scenario(parse_toml(text), accelerator, attached)
    except TOMLError as error:
        raise AnalyzerError(f"{error.at(where)} is not TOML: {error}.") from None
    except ValueError as error:
        raise AnalyzerError(f"{where} is not a scenario: {error}.") from None


def parse_scenario(data: dict[str, Any], accelerator: str, attached: bool = False) -> Scenario:
    """The scenario in `data`, the content of a TOML file.

    ValueError when a key is missing, unknown or of another type, and when `as_often_as` names no milestone.
    """
    check_scenario(data)
    if attached and data["name"] not in _ATTACHED_NAMES:
        raise ValueError(f"its name is not one of {', '.join(_ATTACHED_NAMES)}")
    steps = tuple(
        _step(dict(milestone), attached)
        for milestone in data["milestone"]
        if milestone.get("accelerator", accelerator) == accelerator
    )
    names = {step.name for step in steps}
    for step in steps:
        if step.as_often_as and step.as_often_as not in names:
            raise ValueError(f"milestone {step.name} has as_often_as {step.as_often_as}, which is not a milestone")
    tests = tuple(AcceleratorTest(test["name"], test["expression"]) for test in data["accelerator"])
    name = _ATTACHED_NAMES[data["name"]] if attached else data["name"]
    return Scenario(name, steps, tests, tuple(data.get("accessors", ())))


def break_step(
    function: str,
    limit: int,
    pattern: str = "",
    addresses: Iterable[int] = (),
    inlined: Iterable[int] = (),
    files: Iterable[str] = (),
) -> PlannedMilestone:
    """The milestone for a function of --break; `limit` is the number of hits recorded, 0 for all.

    `pattern`, `addresses`, `inlined` and `files`: of a function that a glob selects, see `PlannedMilestone`.
    """
    return PlannedMilestone(
        name=f"{BREAK}{function}", title=ASKED_FOR.format(function), required=False, functions=[function],
        limit=limit, pattern=pattern, addresses=sorted(addresses), inlined=sorted(inlined), files=sorted(files),
    )  # fmt: skip


def calls_step(
    function: str, limit: int, addresses: Iterable[int], inlined: Iterable[int], files: Iterable[str]
) -> PlannedMilestone:
    """The milestone for the calls of a function of --break-calls-of; parameters as `break_step`."""
    return PlannedMilestone(
        name=f"{BREAK}{CALLS_OF}{function}", title=ASKED_FOR.format(f"{CALLS_OF}{function}"), required=False,
        functions=[function], limit=limit, addresses=sorted(addresses), inlined=sorted(inlined), calls=True,
        files=sorted(files),
    )  # fmt: skip


def _step(milestone: dict[str, Any], attached: bool) -> PlannedMilestone:
    milestone.pop("accelerator", None)
    while_running = milestone.pop("while_running", None)
    if attached and while_running is not None:
        # new vCPUs may come, and the threads there are have no stop at which they started
        milestone = {**milestone, "required": True, "as_often_as": "", **while_running}
    elif attached:
        milestone = {**milestone, "required": False, "passed": True}
    request_name = milestone.pop("request", "")
    number = milestone.pop("number", 0)
    required = milestone.pop("required", False)
    return PlannedMilestone(request_name=request_name, request=number, required=required, **milestone)
