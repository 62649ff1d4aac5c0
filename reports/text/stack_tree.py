"""The stacks of a recording merged into a tree for each thread: what `analyze show --tree` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from analyzer.graph.call_graph import CallGraph, ChainStep, GraphPointer
from analyzer.graph.chains import RecordedStep, graph_pointer, kernel_steps, own_chain
from analyzer.model.frames import Function, distinct_stops
from analyzer.model.recording import Recording
from gdbscripts.call_kinds import ARROW_WIDTH, CallKind, arrow_key, call_arrow
from gdbscripts.enums import StopReason
from reports.sanitize import one_line
from reports.text.backtraces import stops_about
from reports.text.graph import chains_about
from reports.text.pointers import slot_text

_LEFT_OUT = (StopReason.WHERE, StopReason.STORE)
_Key = tuple[Function, CallKind | None, str]  # function, how it is called, slot of the pointer


@dataclass
class TreeNode:
    """A function in the tree: `hits` counts the stacks through it, `innermost` those that end here."""

    function: Function
    kind: CallKind | None  # None for the outermost function
    pointer: GraphPointer | None = None  # of the call that leads here
    hits: int = 0
    innermost: int = 0
    callees: dict[_Key, TreeNode] = field(default_factory=dict)

    def callee(self, step: RecordedStep | ChainStep, pointer: GraphPointer | None) -> TreeNode:
        """Return the node of the function that this one calls in `step`; made when it is not there yet."""
        key = (step.function, step.kind, pointer.name if pointer else "")
        return self.callees.setdefault(key, TreeNode(step.function, step.kind, pointer))


@dataclass(frozen=True)
class ThreadTree:
    """The tree of one thread: `root` has no function of its own, its callees are the outermost functions.

    `created_by` are the functions that create the thread, outermost first; () when that was not recorded.
    """

    thread: str  # label
    root: TreeNode
    created_by: tuple[str, ...] = ()
    counted: bool = True  # False for a tree of chains, which have no counts


def recording_trees(recording: Recording, function: str = "") -> list[ThreadTree]:
    """Return a tree for each thread, of the stops of `stops_about`; UsageError as it raises.

    The stops that say where a thread stood at the end, and where a pointer was stored, are left out as in a graph,
    unless there are no others.
    """
    stops = stops_about(recording, function)
    stops = [stop for stop in stops if stop.reason not in _LEFT_OUT] or stops
    roots: dict[int, TreeNode] = {}
    for stop in distinct_stops(stops):
        steps = [*own_chain(stop, recording), *kernel_steps(stop, recording)]
        if steps:
            root = roots.setdefault(stop.thread, TreeNode(Function("", ""), None))
            pointers = [graph_pointer(step.pointer) if step.pointer else None for step in steps]
            _add(root, zip(steps, pointers, strict=True), stop.count)
    return [_tree(number, root, recording) for number, root in sorted(roots.items())]


def graph_trees(graph: CallGraph, function: str = "") -> list[ThreadTree]:
    """Return a tree for each thread, of the chains of `chains_about`; a graph has no counts of chains."""
    roots: dict[str, TreeNode] = {}
    for chain in chains_about(graph, function):
        root = roots.setdefault(chain.thread, TreeNode(Function("", ""), None))
        _add(root, ((step, step.pointer) for step in chain.steps), 1)
    return [ThreadTree(thread, root, counted=False) for thread, root in roots.items()]


def trees_text(trees: Iterable[ThreadTree]) -> Iterator[str]:
    """Yield a text for each tree: a line for each function, indented where the stacks part; then the key."""
    kinds: set[CallKind] = set()
    counted = False
    for tree in trees:
        counted |= tree.counted
        creator = f", created by {' > '.join(tree.created_by)}" if tree.created_by else ""
        lines = [one_line(f"== {tree.thread}{creator}")]
        for indent, node in _in_order(tree.root):
            kinds |= {node.kind} if node.kind else set()
            lines.append(indent + _line(node, tree.counted))
        yield "\n".join([*lines, ""])
    if kinds:
        yield f"Key: {arrow_key(kinds)}{_COUNTS if counted else ''}."


_COUNTS = "; N: stacks through the function; (N end here): stacks that end in it"


def _tree(number: int, root: TreeNode, recording: Recording) -> ThreadTree:
    thread = recording.thread(number)
    creation = recording.creation(thread)
    names = tuple(step.function.name for step in own_chain(creation, recording)) if creation else ()
    return ThreadTree(thread.label, root, names)


def _add(
    root: TreeNode, steps: Iterable[tuple[RecordedStep | ChainStep, GraphPointer | None]], count: int
) -> None:
    node = root
    node.hits += count
    for step, pointer in steps:
        node = node.callee(step, pointer)
        node.hits += count
    node.innermost += count


def _in_order(root: TreeNode) -> Iterator[tuple[str, TreeNode]]:
    """Yield (indentation, node) in the order printed: callers before callees, the most frequent callee first.

    A function that is the only callee stays in the column of its caller.
    """
    waiting = [("", "", child) for child in reversed(_sorted(root))]
    while waiting:
        first, rest, node = waiting.pop()
        yield first, node
        callees = _sorted(node)
        for number, child in reversed(list(enumerate(callees))):
            if len(callees) == 1:
                waiting.append((rest, rest, child))
            elif number < len(callees) - 1:
                waiting.append((f"{rest}├─ ", f"{rest}│  ", child))
            else:
                waiting.append((f"{rest}└─ ", f"{rest}   ", child))


def _sorted(node: TreeNode) -> list[TreeNode]:
    return sorted(node.callees.values(), key=lambda callee: -callee.hits)


def _line(node: TreeNode, counted: bool) -> str:
    arrow = f"{call_arrow(node.kind):>{ARROW_WIDTH}} " if node.kind else ""
    slot = f"  through {slot_text(node.pointer)}" if node.pointer else ""
    ends = f" ({node.innermost} end here)" if node.innermost and node.callees else ""
    counts = f"  {node.hits}{ends}" if counted else ""
    return one_line(f"{arrow}{node.function}{counts}{slot}")
