"""Records of the kernel's ring buffers, and the hits that are made of them."""

from __future__ import annotations

from pathlib import Path

from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.perf_records import parse_records
from analyzer.recording.probes.hits import HitCollector, Source
from analyzer.recording.probes.stack_walker import StackWalker

SOURCES = {1: (0, False), 2: (1, False), 3: (2, False), 4: (3, True)}


def _no_file(path: str) -> CodeFile:
    raise FileNotFoundError(path)


def check(data: bytes, folder: Path) -> None:
    collector = HitCollector(
        StackWalker(_no_file),
        lambda _pc: ("function",),
        frozenset(),
        [Source.FUNCTION, Source.IOCTL, Source.IOCTL_END, Source.FUNCTION],
    )
    collector.take(event for event in parse_records(data, SOURCES) if not isinstance(event, int))
    collector.finish()
    assert collector.hits.samples >= len(collector.hits.single)
