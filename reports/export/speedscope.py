"""Writes a recording as a file of speedscope: its file-format-spec.ts, a profile of samples for each thread."""

from __future__ import annotations

import json
from collections.abc import Iterator

from analyzer.graph.chains import RecordedStep
from analyzer.model.recording import Recording
from reports.export.samples import file_of, program_name, samples_of_threads, shown

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_Frame = tuple[str, str]  # name, file


def to_speedscope(recording: Recording) -> Iterator[str]:
    """Yield the document in pieces: the table of functions, then a profile for each thread.

    A profile has the samples in the order of time, each with the number of stops for a weight; a sample stands for
    all stops with one stack that follow each other. Its unit is `none`: a recording has moments, no durations.
    """
    frames: dict[_Frame, int] = {}
    profiles = []
    for thread, of_thread in samples_of_threads(recording):
        stacks: list[list[int]] = []
        weights: list[int] = []
        previous = None
        for sample in sorted(of_thread, key=lambda sample: sample.stop.time):
            if sample.steps is previous:
                weights[-1] += sample.stop.count
                continue
            previous = sample.steps
            stacks.append([frames.setdefault(_frame(step), len(frames)) for step in sample.steps])
            weights.append(sample.stop.count)
        profiles.append(
            {
                "type": "sampled", "name": shown(thread.label), "unit": "none", "startValue": 0,
                "endValue": sum(weights), "samples": stacks, "weights": weights,
            }
        )  # fmt: skip
    table = [{"name": name, **({"file": file} if file else {})} for name, file in frames]
    head = {"$schema": _SCHEMA, "name": program_name(recording), "exporter": shown(recording.header.tool)}
    yield json.dumps(head)[:-1] + f', "shared": {json.dumps({"frames": table})}, "profiles": ['
    for number, profile in enumerate(profiles):
        yield ("," if number else "") + "\n" + json.dumps(profile)
    yield "\n]}\n"


def _frame(step: RecordedStep) -> _Frame:
    return shown(step.function.name), shown(file_of(step)) if file_of(step) else ""
