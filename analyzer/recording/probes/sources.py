"""What a recording with probes opens in the kernel: the tracepoints, and buffers for what they sample."""

from __future__ import annotations

import os

from analyzer.adapters.perf_events import Tracepoint
from analyzer.adapters.privileged import RemoteDefinitions
from analyzer.adapters.uprobes import OTHER_ENGINE, UprobeDefinitions
from analyzer.errors import AnalyzerError
from analyzer.recording.probes.exits import region_arguments
from analyzer.recording.probes.hits import Source
from analyzer.recording.probes.places import ProbePlaces
from analyzer.recording.probes.target import Target

_ALL_BUFFERS_SIZE, _MAX_BUFFER_SIZE, _MIN_BUFFER_SIZE = 512 << 20, 256 << 20, 1 << 20  # bytes
_MAX_PART_OF_MEMORY = 32  # all buffers have at most 1/32 of the host's memory
_EXITS = (("kvm/kvm_userspace_exit", Source.EXIT), ("kvm/kvm_pio", Source.PIO), ("kvm/kvm_mmio", Source.MMIO))
_SYSTEM_CALLS = (("syscalls/sys_enter_ioctl", Source.IOCTL), ("syscalls/sys_exit_ioctl", Source.IOCTL_END))


def tracepoints_of(
    definitions: UprobeDefinitions | RemoteDefinitions, places: ProbePlaces, target: Target, with_exits: bool
) -> tuple[list[Source], list[Tracepoint]]:
    """What each tracepoint is, and the tracepoints: those of the probes, and of the ioctl system call."""
    try:
        ids = definitions.define(places.places(target.open_file))
        accessors = places.region_places(target.open_file)
        accessor_ids = definitions.define(accessors, region_arguments(places.offsets)) if accessors else []
    except (OSError, ValueError) as error:
        raise AnalyzerError(f"The probes cannot be set: {error}.", OTHER_ENGINE) from None
    sources = [Source.FUNCTION] * len(ids)
    tracepoints = [Tracepoint(number) for number in ids]
    sources += [Source.ACCESSOR] * len(accessor_ids)
    tracepoints += [Tracepoint(number, with_fields=True) for number in accessor_ids]
    for name, source in (*_SYSTEM_CALLS, *(_EXITS if with_exits else ())):
        number = definitions.tracepoint(name)
        if number is None:
            raise AnalyzerError(
                f"This kernel has no tracepoint {name}.",
                f"Use a kernel built with CONFIG_FTRACE_SYSCALLS, and load kvm. {OTHER_ENGINE}",
            )
        sources.append(source)
        is_kvm = name.startswith("kvm/")
        tracepoints.append(Tracepoint(number, with_stack=source is Source.IOCTL, with_fields=is_kvm))
    return sources, tracepoints


def buffer_size() -> int:
    """The bytes of the ring buffer of one processor: a power of two."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    all_buffers = min(_ALL_BUFFERS_SIZE, memory // _MAX_PART_OF_MEMORY)
    size = min(_MAX_BUFFER_SIZE, all_buffers // (os.cpu_count() or 1))
    return max(1 << size.bit_length() - 1, _MIN_BUFFER_SIZE)
