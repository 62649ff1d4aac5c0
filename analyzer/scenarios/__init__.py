"""Scenarios: milestones as data, one TOML file each. `startup.toml` explains the keys."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import resources
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from gdbscripts.plan import AcceleratorTest, Step
from gdbscripts.wire import BREAK


@dataclass(frozen=True)
class Scenario:
    """What to wait for, for one accelerator."""

    name: str
    steps: tuple[Step, ...]
    accelerators: tuple[AcceleratorTest, ...]


def load_scenario(name: str, accelerator: str) -> Scenario:
    """The scenario of that name, without the milestones of other accelerators."""
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse_scenario(text, accelerator)


def parse_scenario(text: str, accelerator: str) -> Scenario:
    """The scenario in `text`; ValueError when it contradicts itself."""
    data = tomllib.loads(text)
    steps = tuple(
        _step(dict(milestone))
        for milestone in data["milestone"]
        if milestone.get("accelerator", accelerator) == accelerator
    )
    names = {step.name for step in steps}
    for step in steps:
        if step.as_often_as and step.as_often_as not in names:
            raise ValueError(f"milestone {step.name} counts on {step.as_often_as}, which there is not")
    tests = tuple(AcceleratorTest(test["name"], test["expression"]) for test in data["accelerator"])
    return Scenario(data["name"], steps, tests)


def break_step(function: str, limit: int) -> Step:
    """The step for a function the user wants to stop at as well."""
    return Step(
        name=f"{BREAK}{function}", title=f"Asked for: {function}", required=False, functions=[function],
        limit=limit,
    )  # fmt: skip


def _step(milestone: dict[str, Any]) -> Step:
    milestone.pop("accelerator", None)
    request_name = milestone.pop("request", "")
    number = milestone.pop("number", 0)
    required = milestone.pop("required", False)
    return Step(request_name=request_name, request=number, required=required, **milestone)
