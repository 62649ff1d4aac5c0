"""Writes folded stacks, `thread;main;a;b 12`: what flamegraph.pl, inferno and speedscope read.

The format is that of stackcollapse-perf.pl (FlameGraph): suffixes _[k] for the kernel, _[i] for inlined functions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from analyzer.graph.chains import RecordedStep
from analyzer.model.frames import LIBC_START_FRAMES
from analyzer.model.recording import Recording
from reports.export.samples import is_inlined, is_kernel, merged, samples_of_threads, shown


def to_folded(recording: Recording) -> Iterator[str]:
    """Yield a line for each distinct stack: thread and functions, outermost first, with the number of stops.

    A semicolon in a name, which separates names, is written as `:`.
    """
    for thread, of_thread in samples_of_threads(recording):
        label = _name(thread.label)
        if label.startswith("#") or label in LIBC_START_FRAMES or label == "main":  # no comment, no function
            label = f"thread {label}"
        counts: Counter[str] = Counter()
        for steps, count in merged(of_thread):
            counts[";".join((label, *map(_function, steps)))] += count
        for stack, count in counts.items():
            yield f"{stack} {count}\n"


def _function(step: RecordedStep) -> str:
    mark = "_[k]" if is_kernel(step) else "_[i]" if is_inlined(step) else ""
    return _name(step.function.name) + mark


def _name(text: str) -> str:
    return shown(text).replace(";", ":")
