"""What the host asks the gdb side to record: standard library only, both sides import it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import List


@dataclass(frozen=True)
class Step:
    """One milestone to wait for.

    `request` narrows a step on `ioctl` to one request (its number; 0 for any call). A step is recorded up to
    `limit` times, once a thread when `per_thread`; with `as_often_as` it is complete after as many stops as
    the step of that name had, and costs nothing any more.
    """

    name: str
    title: str
    required: bool
    functions: List[str]
    request_name: str = ""
    request: int = 0
    per_thread: bool = False
    limit: int = 1000
    as_often_as: str = ""
    returns: bool = False
    shows_accelerator: bool = False
    about: str = ""
    target: bool = False


@dataclass(frozen=True)
class AcceleratorTest:
    """`expression` is true in QEMU when accelerator `name` runs."""

    name: str
    expression: str


@dataclass(frozen=True)
class Plan:
    """Everything to record, and the file to append it to."""

    recording: str
    steps: List[Step]
    accelerators: List[AcceleratorTest]


def save(plan: Plan, path: str) -> None:
    """Write `plan` as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(asdict(plan), file)


def load(path: str) -> Plan:
    """The plan that `save` wrote."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    data["steps"] = [Step(**step) for step in data["steps"]]
    data["accelerators"] = [AcceleratorTest(**test) for test in data["accelerators"]]
    return Plan(**data)
