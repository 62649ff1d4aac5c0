"""Which milestone an imported stack is of: one of a scenario that its innermost function realises, or its own."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from analyzer.scenarios import load_scenario
from gdbscripts import plan, wire

_IOCTL = re.compile(r"(?P<title>.*), (?P<request>\w+) on (?P<file>\S+)$")
_IN, _ASKED_FOR = "In ", "Asked for: "


@cache
def known_steps() -> tuple[plan.PlannedMilestone, ...]:
    """The steps of all scenarios and accelerators, in their order, each once."""
    scenarios = (load_scenario("startup", "kvm"), load_scenario("startup", "tcg"), load_scenario("io", "kvm"))
    return tuple({step.name: step for scenario in scenarios for step in scenario.steps}.values())


def step_reached(function: str) -> plan.PlannedMilestone | None:
    """The step that a stop in `function` reaches, requests left out: an ioctl may be any."""
    steps = (step for step in known_steps() if not step.request_name)
    return next((step for step in steps if function in step.functions), None)


def milestone_at(function: str) -> wire.MilestoneRecord:
    """The milestone of a stack that ends in `function`."""
    return wire.MilestoneRecord(
        f"at {function}", f"{_IN}{function}", False, [function], [],
        about="The backtrace ends here.", target=True,
    )  # fmt: skip


def milestone_of(step: plan.PlannedMilestone, function: str) -> wire.MilestoneRecord:
    """The milestone of a scenario's step, which `function` reached."""
    return wire.MilestoneRecord(
        step.name, step.title, False, [function], [],
        request=step.request_name, about=step.about, target=step.target,
    )  # fmt: skip


def milestone_titled(title: str, function: str) -> wire.MilestoneRecord:
    """The milestone that our own `show` calls `title`."""
    step = next((step for step in known_steps() if step.title == title), None)
    if step is not None:
        return milestone_of(step, function)
    if title.startswith(_IN) and " " not in title[len(_IN) :]:
        return milestone_at(title[len(_IN) :])
    name = wire.BREAK + title[len(_ASKED_FOR) :] if title.startswith(_ASKED_FOR) else title
    return replace(milestone_at(function), name=name, title=title, about="", found=[function])


def ioctl_in(heading: str) -> tuple[str, plan.PlannedMilestone, str] | None:
    """(title, the step, the descriptor's file) of a heading that tells of a known ioctl."""
    told = _IOCTL.match(heading)
    steps = (step for step in known_steps() if told and step.request_name == told["request"])
    step = next((step for step in steps if told and step.title == told["title"]), None)
    return (told["title"], step, told["file"]) if told and step else None
