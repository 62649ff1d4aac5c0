"""The chains of a recording: to the milestones, and to the devices that serve the guest's I/O. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from analyzer.graph.call_graph import Chain, ChainStep, MissedMilestone
from analyzer.graph.chains import RecordedStep, graph_step, kernel_steps, own_chain, whole_chain
from analyzer.kvm.exits import decode_exit
from analyzer.kvm.kernel_functions import handles_coalesced_write
from analyzer.model.frames import Stop, each_distinct_stop
from analyzer.model.recording import Recording
from gdbscripts.enums import StopReason

_ACCESS_TITLES = {
    "out": "The guest writes to port {:#x}",
    "in": "The guest reads port {:#x}",
    "write": "The guest writes to memory at {:#x}",
    "read": "The guest reads memory at {:#x}",
}


# Distinct chains to one milestone in a graph. More of them, to a function that is called from everywhere, tell
# nothing that the functions and calls of the graph do not, and make a graph.json of hundreds of megabytes.
MOST_CHAINS = 5000


class GraphSteps:
    """Makes the steps of chains, with one object for all equal steps: a chain is a tuple of references.

    The frames and pointers of the recorded steps must exist as long as this object.
    """

    def __init__(self) -> None:
        self._steps: dict[tuple[object, ...], tuple[int, ChainStep]] = {}
        self._equal: dict[tuple[ChainStep, str], ChainStep] = {}
        self._numbers: dict[ChainStep, int] = {}

    def of(self, recorded: Iterable[RecordedStep]) -> tuple[tuple[int, ...], tuple[ChainStep, ...]]:
        """Return the steps for a graph, and a number for each: equal steps have equal numbers."""
        made = [self._steps.get(key) or self._make(key, step) for key, step in map(_with_key, recorded)]
        return tuple([number for number, _ in made]), tuple([step for _, step in made])

    def _make(self, key: tuple[object, ...], recorded: RecordedStep) -> tuple[int, ChainStep]:
        step = graph_step(recorded)
        step = self._equal.setdefault((step, step.defined_in), step)
        number = self._numbers.setdefault(step, len(self._numbers))
        self._steps[key] = (number, step)
        return number, step


def _with_key(step: RecordedStep) -> tuple[tuple[object, ...], RecordedStep]:
    """Return what the graph's step depends on, and the step; a frame stands for its function, file and line."""
    place = (step.function, step.file, step.line, step.defined_in) if step.frame is None else id(step.frame)
    return (place, step.kind, step.instruction, id(step.pointer)), step


@dataclass
class _ChainsOfMilestone:
    """The distinct chains to one milestone, of which the first MOST_CHAINS in the order of a graph stay."""

    chains: dict[tuple[object, ...], Chain] = field(default_factory=dict)
    shortened: bool = False

    def add(self, key: tuple[object, ...], chain: Chain) -> None:
        self.chains[key] = chain
        if len(self.chains) > 2 * MOST_CHAINS:
            self.shorten()

    def shorten(self) -> None:
        if len(self.chains) > MOST_CHAINS:
            self.shortened = True
            kept = set(map(id, sort_chains(self.chains.values())[:MOST_CHAINS]))
            self.chains = {key: chain for key, chain in self.chains.items() if id(chain) in kept}


def chains_of(recording: Recording) -> tuple[list[Chain], list[str]]:
    """Return the distinct chains of a recording, and the titles of the milestones that have more of them.

    The chains are in the order of the milestones, then those to devices; of one milestone there are at most
    MOST_CHAINS, the shortest ones. A stop without a known function has no chain.
    """
    milestones = {milestone.name: (position, milestone) for position, milestone in enumerate(recording.milestones)}
    graph_steps = GraphSteps()
    found: dict[str, _ChainsOfMilestone] = {}
    for stop in each_distinct_stop(recording.stops, wanted=lambda stop: bool(stop.milestones)):
        numbers, steps = graph_steps.of([*whole_chain(stop, recording), *kernel_steps(stop, recording)])
        if not steps:
            continue
        label = recording.thread(stop.thread).label
        for name in stop.milestones:
            of_milestone = found.setdefault(name, _ChainsOfMilestone())
            key = (label, stop.open_ended, numbers)
            if key not in of_milestone.chains:
                position, milestone = milestones[name]
                about = (milestone.title, milestone.about, milestone.target, position, label)
                of_milestone.add(key, Chain(name, *about, steps, stop.open_ended))
    for of_milestone in found.values():
        of_milestone.shorten()
    to_milestones = (chain for of_milestone in found.values() for chain in of_milestone.chains.values())
    shortened = sorted(milestones[name][1].title for name in found if found[name].shortened)
    return sort_chains([*to_milestones, *_device_chains(recording, len(milestones), graph_steps)]), shortened


def missed_milestones(recording: Recording) -> list[MissedMilestone]:
    """Return the milestones that the recording waited for and did not reach, in their order.

    Those that a running program was past when gdb attached are not missed.
    """
    reached = recording.reached
    return [
        MissedMilestone(m.name, m.title, bool(m.found), tuple(m.found or m.missing))
        for m in recording.milestones
        if m.name not in reached and not m.passed
    ]


def sort_chains(chains: Iterable[Chain]) -> list[Chain]:
    """Return the chains in the order of a graph: position of the milestone, milestone, thread, length, steps."""
    texts: dict[int, str] = {}  # id of a step -> its text

    def order(chain: Chain) -> tuple[int, str, str, int, tuple[str, ...]]:
        steps = tuple([texts.get(id(step)) or texts.setdefault(id(step), repr(step)) for step in chain.steps])
        return chain.position, chain.milestone, chain.thread, len(steps), steps

    return sorted(chains, key=order)


def _device_chains(recording: Recording, position: int, graph_steps: GraphSteps) -> Iterator[Chain]:
    """Yield a chain from the thread's start for each distinct stack in a device's function, and for each access of
    the guest that it serves; the access names the chain."""
    exits = {exit_.number: exit_ for exit_ in recording.exits}
    known: dict[tuple[int, int], tuple[tuple[int, ...], tuple[ChainStep, ...]]] = {}
    found: set[tuple[object, ...]] = set()
    for stop in recording.stops:
        exit_ = exits.get(stop.exit) if stop.reason is StopReason.IO and stop.exit is not None else None
        if exit_ is None:
            continue
        of_stack = (id(stop.stack), stop.thread)
        if of_stack not in known:
            known[of_stack] = graph_steps.of(own_chain(stop, recording))
        numbers, steps = known[of_stack]
        name, title = _access(stop, exit_.run)
        label = recording.thread(stop.thread).label
        key = (name, title, label, numbers)
        if steps and key not in found:
            found.add(key)
            yield Chain(f"{StopReason.IO} {name}", title, "", False, position, label, steps)


def _access(stop: Stop, run: bytes) -> tuple[str, str]:
    """Return the guest's access at this stop: a name without spaces, and a title."""
    access = decode_exit(run)
    if handles_coalesced_write(stop):
        return "kept", "A coalesced MMIO or PIO write reaches its device"
    if access.direction in _ACCESS_TITLES and access.address is not None:
        return f"{access.direction} {access.address:#x}", _ACCESS_TITLES[access.direction].format(access.address)
    return access.reason, f"KVM_RUN returns with exit reason {access.reason}"
