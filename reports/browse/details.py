"""The panel at the right of the terminal interface: what is known of the selected function or ioctl."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from analyzer.graph.call_graph import GraphPointer
from analyzer.kvm.ioctl_log import IoctlLogLine
from analyzer.text import number_of
from gdbscripts.enums import PointerOutcome
from reports.browse.content import Content, Selection
from reports.sanitize import one_line, truncate_middle
from reports.text.pointers import location_text, origin_text, slot_text

_LONGEST_ARGUMENTS = 200  # characters of a list of arguments
_LINES_AROUND = 12  # source lines shown on each side


def function_details(content: Content, selection: Selection) -> Text:
    """Return the panel of a function: place, counts, pointer, arguments and source, as styled text."""
    function = selection.function
    text = Text(one_line(f"{function.name}\n".rstrip()), style="bold")
    for line in _facts(content, selection):
        text.append(f"\n{one_line(line)}", style="not bold")
    if selection.pointer is not None:
        text.append("\n\nThe pointer", style="bold")
        for line in _pointer(selection.pointer):
            text.append(f"\n  {one_line(line)}", style="not bold")
    arguments = content.arguments(function)
    if arguments:
        text.append("\n\nArguments", style="bold")
    for each in arguments:
        shown = ", ".join(f"{name}={value}" for name, value in each)
        text.append(f"\n  {truncate_middle(one_line(shown), _LONGEST_ARGUMENTS)}", style="not bold")
    _append_source(text, content, selection)
    return text


def ioctl_details(line: IoctlLogLine) -> Text:
    """Return the panel of an ioctl: the call with its argument and result, QEMU's functions, the kernel's."""
    text = Text(one_line(line.request), style="bold")
    rows = [
        ("descriptor", f"{line.fd}, {line.descriptor}, {line.file}"),
        ("thread", line.thread),
        ("time", f"{line.time:.6f} s"),
        ("argument", line.argument or "none"),
        ("result", line.result or "unknown"),
    ]
    for name, value in rows:
        text.append(f"\n{name}: {one_line(value)}", style="not bold")
    text.append("\n\nQEMU", style="bold")
    text.append(f"\n  {one_line(line.calls or 'the stack was not taken')}", style="not bold")
    text.append("\n\nKernel" + ("" if line.observed else " (from its sources, not observed)"), style="bold")
    text.append(f"\n  {one_line(line.kernel_calls)}", style="not bold")
    return text


def place_text(file: str, line: int) -> str:
    """Return FILE:LINE, FILE without a line, "" without a file."""
    return f"{file}:{line}" if file and line else file


def _facts(content: Content, selection: Selection) -> Iterator[str]:
    node = content.graph.node(selection.function)
    if node.file:
        yield f"defined in {node.file}"
    if selection.sentence:
        yield f"call: {selection.sentence}"
    place = place_text(selection.file, selection.line)
    if place and selection.place_is:
        yield f"{place} {selection.place_is}"
    yield f"{number_of(node.frames, 'frame')} in all stacks; threads: {', '.join(node.threads) or 'unknown'}"
    if node.milestones:
        yield f"milestones: {', '.join(node.milestones)}"


def _pointer(slot: GraphPointer) -> Iterator[str]:
    yield f"through {slot_text(slot)}"
    for origin in slot.set_by:
        location = location_text(origin)
        yield origin_text(origin) + (f", {location}" if location else "")
    if slot.outcome is not PointerOutcome.EXPLAINED:
        yield f"{slot.outcome}: {slot.reason}"


def _append_source(text: Text, content: Content, selection: Selection) -> None:
    lines = content.source(selection.file, selection.line)
    if not lines:
        return
    text.append(f"\n\n{one_line(selection.file)}", style="bold")
    for number, code in lines:
        if abs(number - selection.line) > _LINES_AROUND:
            continue
        marked = number == selection.line
        line = f"\n{'>' if marked else ' '}{number:5}  {one_line(code.expandtabs(4))}"
        text.append(line, style="reverse" if marked else "not bold")
