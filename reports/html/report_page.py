"""What parts of the report page show, as data; `page_document` puts them into tables."""

from __future__ import annotations

from dataclasses import dataclass

from analyzer.graph.call_graph import ChainStep
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind


@dataclass(frozen=True)
class StoryStep:
    """A function of a chain, with its arguments in the first stack that has the chain; "" when unknown."""

    step: ChainStep
    arguments: str


@dataclass(frozen=True)
class StoryChapter:
    """The chain to one milestone; its first `shared` steps are those of the previous chapter."""

    milestone: str
    title: str
    about: str
    thread: str
    steps: tuple[StoryStep, ...]
    shared: int


@dataclass(frozen=True)
class DescriptorRow:
    """A descriptor in the hierarchy of KVM descriptors.

    `request` is the ioctl that returned it, `ioctls` the number of ioctls issued on it.
    """

    depth: int
    request: str
    name: str
    file: str
    ioctls: int


@dataclass(frozen=True)
class DeviceCall:
    """QEMU's call chain to a device's function."""

    chain: str  # with the arrows of the calls
    functions: tuple[Function, ...]  # on the chain, outermost first
    kind: CallKind | None  # how the device's function is called
    device: Function
    place: str
    arguments: str
    slot: str  # of the pointer that the device's function is called through, "" when unknown
    set_by: str
