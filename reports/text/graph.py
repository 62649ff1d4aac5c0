"""What a graph holds as text: its chains in gdb's own format, and its ioctls."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from analyzer.kvm.kernel_functions import KERNEL
from gdbscripts.call_kinds import CallKind


def chains_text(graph: CallGraph, function: str = "") -> Iterator[str]:
    """One text for each chain, innermost function first, as `backtraces` has a stop; which ones and errors as
    `chains_about`."""
    for chain in chains_about(graph, function):
        yield "\n".join([f"== {chain.title} ({chain.thread})", *_frame_lines(chain), ""])


def chains_about(graph: CallGraph, function: str = "") -> list[Chain]:
    """The chains in the order of the milestones; only those that end in `function` or at the milestone of this
    name when it is given. UsageError when there is none."""
    chains = [chain for chain in graph.chains if not function or function in _names(chain)]
    if function and not chains:
        known = {name for chain in graph.chains for name in _names(chain)}
        near = get_close_matches(function, known, n=3) or sorted(known)
        raise UsageError(
            f"No chain to {function} is in this graph.",
            f"It has chains to: {', '.join(near) or 'nothing'}. "
            f"Calls off the chains: analyze paths INPUT --from main --to {function}",
        )
    return chains


def graph_ioctls_text(graph: CallGraph) -> Iterator[str]:
    """One line for each different ioctl of each thread, in the order made."""
    for ioctl in graph.ioctls:
        returned = f" = {ioctl.returns}" if ioctl.returns else ""
        caller = f"  {ioctl.function}" if ioctl.function.name else ""
        yield f"{ioctl.thread:12} ioctl({ioctl.file}, {ioctl.request}){returned}{caller}"


def _names(chain: Chain) -> set[str]:
    """The milestone, the innermost function, and the innermost one of QEMU or a library."""
    functions_outside_kernel = [step.function.name for step in chain.steps if step.function.where != KERNEL]
    return {chain.milestone, chain.steps[-1].function.name, *functions_outside_kernel[-1:]}


def _frame_lines(chain: Chain) -> Iterator[str]:
    level, inner, thread = 0, None, chain.thread
    for step in reversed(chain.steps):
        if inner is not None and inner.kind is CallKind.THREAD_START:
            yield f"-- {thread} was created by:"
            level, inner, thread = 0, None, "that thread"
        yield _frame_line(level, step, inner)
        level, inner = level + 1, step


def _frame_line(level: int, step: ChainStep, inner: ChainStep | None) -> str:
    """`inner` is the function that this one calls, None for the innermost."""
    mark = ""
    if step.kind is CallKind.INLINE:
        mark = "  [inlined]"
    elif inner is not None and inner.kind is CallKind.TAIL:
        mark = "  [tail call]"
    return f"#{level:<2} {step.function} (){_location(step)}{mark}"


def _location(step: ChainStep) -> str:
    if step.file:
        return f" at {step.file}:{step.line}" if step.line else f" at {step.file}"
    return f" from {step.function.where}" if step.function.where.startswith("[") else ""
