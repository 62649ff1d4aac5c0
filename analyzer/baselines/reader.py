"""Reads a baseline, the text of `writer.py`, as a call graph. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePosixPath

from analyzer.baselines.writer import AS, FIRST_LINE, HEAD, KEY, OPEN_ENDED
from analyzer.errors import AnalyzerError, newer_schema
from analyzer.graph.call_graph import (
    Call,
    CallGraph,
    Chain,
    ChainStep,
    GraphIoctl,
    GraphPointer,
    GraphPointerOrigin,
    Node,
    Provenance,
)
from analyzer.model.frames import Function
from analyzer.strict_json import parse_json, without_surrogates
from analyzer.text import visible
from gdbscripts.call_kinds import CALL_KINDS, CallKind
from gdbscripts.enums import PointerOriginKind, PointerOutcome, SlotKind

_SCHEMA = int(FIRST_LINE.rpartition(" ")[2])
_ORIGINS = frozenset(map(str, PointerOriginKind))
_KINDS = {words.arrow: kind for kind, words in CALL_KINDS.items()}
_KINDS_OF_VERSION_1 = {
    ">": CallKind.DIRECT,
    "*>": CallKind.INDIRECT,
    "~>": CallKind.TAIL,
    "+>": CallKind.INLINE,
    "=>": CallKind.THREAD_START,
    "!>": CallKind.SIGNAL,
    "$>": CallKind.SYSCALL,
    "k>": CallKind.KERNEL,
    "d>": CallKind.DOCUMENTED,
    "->": CallKind.CALL,
    "?>": CallKind.UNKNOWN,
}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_CHAIN = re.compile(
    rf"(?P<word>chain|step) (?P<milestone>{_QUOTED}|(?!\").*?): (?P<title>.*) \((?P<thread>{_QUOTED}|[^()\"]*)\)"
    rf"(?P<end> {OPEN_ENDED})?"
)
_TOKEN = re.compile(rf"{_QUOTED}|\S+")
_IOCTLS = "ioctls on "
_OFF_CHAIN = "outside the chains"


def is_baseline(text: str) -> bool:
    """Return whether the text has the first line of a baseline, of any version."""
    return text.startswith(FIRST_LINE.rpartition(" ")[0])


def read_baseline(text: str, name: str) -> CallGraph:
    """Return the graph of a baseline: chains, functions, calls and ioctls, each call with one hit.

    Every version of the format is read. Raises AnalyzerError, with `name` and the line in its message, when the
    text is no baseline, is damaged, or has a newer schema.
    """
    lines = text.splitlines()
    if not lines or not is_baseline(text):
        raise AnalyzerError(f"{name} is not a baseline.", "Make one: analyze baseline update.")
    schema = lines[0].rpartition(" ")[2]
    if schema.isdecimal() and (len(schema) > 9 or int(schema) > _SCHEMA):
        raise newer_schema(name, int(schema[:9]), _SCHEMA)
    reader = _BaselineReader(_KINDS_OF_VERSION_1 if schema == "1" else _KINDS)
    for number, line in enumerate(lines[1:], 2):
        try:
            reader.read(line)
        except ValueError as error:
            raise AnalyzerError(f"{name} is damaged in line {number}: {error}.") from None
        except (KeyError, IndexError, TypeError):
            content = visible(line.strip()[:60])
            raise AnalyzerError(f"{name} is damaged in line {number}: unexpected “{content}”.") from None
    if empty := next((chain for chain in reader.chains if not chain.steps), None):
        raise AnalyzerError(f"{name} is damaged: the chain to {empty.milestone} has no steps.")
    return reader.graph()


@dataclass
class _BaselineReader:
    """The facts that were read so far, and the section to which the next line belongs."""

    kinds: Mapping[str, CallKind]  # by the arrow that the version of the format has for it
    head: dict[str, str] = field(default_factory=dict)
    chains: list[Chain] = field(default_factory=list)
    nodes: dict[Function, Node] = field(default_factory=dict)
    calls: dict[tuple[Function, Function, CallKind], Call] = field(default_factory=dict)
    ioctls: list[GraphIoctl] = field(default_factory=list)
    section: str = ""

    def read(self, line: str) -> None:
        """Read the next line. Raises ValueError, KeyError, IndexError or TypeError when it is damaged."""
        if not line.strip():
            return
        if not line.startswith(" "):
            self._section(line)
        elif self.section == _OFF_CHAIN:
            self._off_chain(_tokens(line))
        elif self.section.startswith(_IOCTLS):
            request, file = _tokens(line)
            thread = _phrase(self.section[len(_IOCTLS) :])
            self.ioctls.append(GraphIoctl(request, file, thread, "", Function("", "")))
        elif self.chains:
            self._step(line)
        else:
            raise ValueError("the line belongs to no section")

    def graph(self) -> CallGraph:
        """Return the graph of everything that was read."""
        graph = CallGraph(self._provenance())
        for chain in self.chains:
            self._count(chain)
        for node in self.nodes.values():
            graph.put(node)
        for call in self.calls.values():
            graph.connect(call)
        graph.chains, graph.ioctls = tuple(self.chains), tuple(self.ioctls)
        return graph

    def _provenance(self) -> Provenance:
        head = {key: self.head.get(key, "") for key in ("scenario", "accelerator", "guest", "arguments")}
        machine = self.head.get("machine", "default")
        return Provenance(
            tool="", qemu_version=self.head.get("qemu", ""), build_id="", complete=True,
            build={"profile": self.head.get("profile", "")},
            machine="" if machine == "default" else machine, **head,
        )  # fmt: skip

    def _section(self, line: str) -> None:
        self.section = line
        if match := _CHAIN.fullmatch(line):
            chain = Chain(
                _phrase(match["milestone"]),
                _phrase(match["title"]),
                "",
                match["word"] == "chain",
                len(self.chains),
                _phrase(match["thread"]),
                (),
                bool(match["end"]),
            )
            self.chains.append(chain)
        elif line != _OFF_CHAIN and not line.startswith(_IOCTLS):
            key, _, value = line.partition(" ")
            if key == KEY:
                return  # for people
            if key not in HEAD:
                raise ValueError(f"unknown section {key}")
            self.head[key] = _phrase(value)

    def _step(self, line: str) -> None:
        tokens, chain = _tokens(line), self.chains[-1]
        word, steps = line.split(maxsplit=1)[0], chain.steps
        if line.startswith(f"  {AS}"):
            milestone = _phrase(line[len(AS) + 2 :])
            steps = next((c.steps for c in self.chains[:-1] if c.milestone == milestone), ())
            if not steps:
                raise ValueError(f"no earlier chain {milestone}")
        elif word == "through":
            pointer = GraphPointer(SlotKind(tokens[1]), tokens[2], PointerOutcome.EXPLAINED, "", ())
            steps = (*steps[:-1], replace(steps[-1], pointer=pointer))
        elif word in _ORIGINS and (known := steps[-1].pointer):
            origin = GraphPointerOrigin(PointerOriginKind(tokens[0]), tokens[1], tokens[2], "", 0)
            pointer = replace(known, set_by=(*known.set_by, origin))
            steps = (*steps[:-1], replace(steps[-1], pointer=pointer))
        else:
            kind = self.kinds[tokens.pop(0)] if steps else None
            function, file = _function(*tokens)
            steps = (*steps, ChainStep(function, kind, file, 0))
        self.chains[-1] = replace(chain, steps=steps)

    def _off_chain(self, tokens: list[str]) -> None:
        if tokens[0] == "function":
            function, file = _function(*tokens[1:3])
            self.nodes[function] = Node(function, file, 1, int(tokens[3:] == ["outermost"]), 0)
        elif tokens[0] == "call":
            caller, file = _function(*tokens[1:3])
            callee, callee_file = _function(*tokens[4:])
            self.nodes.setdefault(caller, Node(caller, file, 1))
            self.nodes.setdefault(callee, Node(callee, callee_file, 1))
            self._connect(caller, callee, self.kinds[tokens[3]])
        else:
            raise ValueError(f"unknown word {tokens[0]}")

    def _count(self, chain: Chain) -> None:
        for position, step in enumerate(chain.steps):
            node = self.nodes.get(step.function, Node(step.function, step.file, 1))
            begins = not position and not chain.open_ended
            self.nodes[step.function] = replace(node, outermost=node.outermost or int(begins))
        for caller, callee in pairwise(chain.steps):
            self._connect(caller.function, callee.function, callee.kind or CallKind.UNKNOWN)

    def _connect(self, caller: Function, callee: Function, kind: CallKind) -> None:
        self.calls[caller, callee, kind] = Call(caller, callee, kind, 1)


def _tokens(line: str) -> list[str]:
    return list(map(_phrase, _TOKEN.findall(line)))


def _phrase(text: str) -> str:
    return str(parse_json(text)) if text.startswith('"') else without_surrogates(text)


def _function(name: str, place: str) -> tuple[Function, str]:
    """Return the function and its file, from the place that the writer's `_place` returns."""
    if place.startswith("["):
        return Function(name, place), ""
    if place.startswith("(") and place.endswith(")"):
        return Function(name, place[1:-1]), ""
    return Function(name, PurePosixPath(place).stem), place
