"""Writes the ioctls on KVM's file descriptors as a JSON document."""

from __future__ import annotations

from typing import Any

from analyzer.graph.call_graph import CallGraph, GraphIoctl, Provenance
from analyzer.kvm.ioctl_log import IoctlLogLine, ioctl_log
from analyzer.kvm.requests import descriptor_class
from analyzer.model.recording import Recording
from reports.json.document import document

# History of the format:
# 1  first
SCHEMA = 1


def ioctls_json(recording: Recording, provenance: Provenance) -> str:
    """Return the document with a line end: `ioctls` in the order made.

    Each has `number`, `time` in seconds, `thread`, `fd`, `file`, `descriptor` (system, vm, vcpu, device),
    `request`, `argument` and `result` in words, `chain` (functions of QEMU, outermost first), `kernel` (functions
    of the kernel) and `observed`: whether the kernel's functions were recorded.
    """
    return _document(provenance, [_line(line) for line in ioctl_log(recording)])


def graph_ioctls_json(graph: CallGraph) -> str:
    """Return the document of `ioctls_json` for the ioctls of a graph; fields that a graph lacks are null."""
    return _document(graph.provenance, list(map(_of_graph, graph.ioctls)))


def _document(provenance: Provenance, ioctls: list[dict[str, Any]]) -> str:
    return document("ioctls", SCHEMA, provenance=vars(provenance), ioctls=ioctls)


def _line(line: IoctlLogLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "time": line.time,
        "thread": line.thread,
        "fd": line.fd,
        "file": line.file,
        "descriptor": line.descriptor,
        "request": line.request,
        "argument": line.argument,
        "result": line.result,
        "chain": [function.name for _, function in line.chain],
        "kernel": list(line.kernel),
        "observed": line.observed,
    }


def _of_graph(ioctl: GraphIoctl) -> dict[str, Any]:
    return {
        "number": None,
        "time": None,
        "thread": ioctl.thread,
        "fd": None,
        "file": ioctl.file,
        "descriptor": descriptor_class(ioctl.file),
        "request": ioctl.request,
        "argument": None,
        "result": ioctl.returns or None,
        "chain": [ioctl.function.name] if ioctl.function.name else [],
        "kernel": None,
        "observed": None,
    }
