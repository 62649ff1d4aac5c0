"""Writes the chains of a graph in gdb's backtrace format, and its ioctls."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from analyzer.errors import UsageError
from analyzer.graph.call_graph import CallGraph, Chain, ChainStep
from analyzer.kvm.kernel_functions import KERNEL
from analyzer.model.headings import write_open_end
from analyzer.text import some_of
from gdbscripts.call_kinds import CallKind

_NAMES_IN_HINT = 30  # functions and milestones; --break may have recorded hundreds


def chains_text(graph: CallGraph, function: str = "") -> Iterator[str]:
    """Yield a backtrace for each chain of `chains_about`, innermost function first, as in gdb.

    Raises UsageError as `chains_about`.
    """
    for chain in chains_about(graph, function):
        yield "\n".join([f"== {chain.title} ({chain.thread})", *_frame_lines(chain), *_open_end(chain), ""])


def _open_end(chain: Chain) -> list[str]:
    """Return the line below an open-ended chain, as a list; [] for a complete one."""
    return [write_open_end(chain.steps[0].function.name)] if chain.open_ended else []


def chains_about(graph: CallGraph, function: str = "") -> list[Chain]:
    """Return the chains in the order of the milestones, all or those to `function`.

    `function` is the name of the innermost function or of a milestone; "" stands for all chains. Raises
    UsageError, with similar names in its hint, when no chain leads there.
    """
    chains = [chain for chain in graph.chains if not function or function in _names(chain)]
    if function and not chains:
        known = {name for chain in graph.chains for name in _names(chain)}
        near = get_close_matches(function, known, n=3)
        those = (
            f"Similar: {', '.join(near)}"
            if near
            else f"It has chains to: {some_of(sorted(known), _NAMES_IN_HINT) or 'nothing'}"
        )
        raise UsageError(
            f"No chain to {function} is in this graph.",
            f"{those}. Calls off the chains: analyze paths INPUT --from main --to {function}",
        )
    return chains


def graph_ioctls_text(graph: CallGraph) -> Iterator[str]:
    """Yield a line for each distinct ioctl of each thread, in call order: thread, ioctl, result, caller."""
    for ioctl in graph.ioctls:
        returned = f" = {ioctl.returns}" if ioctl.returns else ""
        caller = f"  {ioctl.function}" if ioctl.function.name else ""
        yield f"{ioctl.thread:12} ioctl({ioctl.file}, {ioctl.request}){returned}{caller}"


def _names(chain: Chain) -> set[str]:
    """Return the names that select a chain: milestone, innermost function, innermost one outside the kernel."""
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
    """Return the backtrace line of a step; `inner` is the step that it calls, None for the innermost."""
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
