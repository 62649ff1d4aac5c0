"""Writes the guest's I/O accesses as a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analyzer.graph.call_graph import Provenance
from analyzer.kvm.io_accesses import IoAccess
from analyzer.model.frames import Stop
from reports.json.document import document

# History of the format:
# 1  first
SCHEMA = 1


def accesses_json(accesses: Sequence[IoAccess], provenance: Provenance) -> str:
    """Return the document with a line end: `accesses` in the order made.

    Each has `time` in seconds, `thread`, `kind`, `address`, `size` in bytes, `count`, `value`, `instruction`,
    `reason` of the exit ("" when the kernel served it), `served` (by whom), `kernel` (functions, outermost
    first), `detail`, and chains of functions to the device: `handled`, those for this access, and `coalesced`,
    those for earlier writes that KVM coalesced.
    """
    rows = list(map(access_object, accesses))
    return document("accesses", SCHEMA, provenance=vars(provenance), accesses=rows)


def access_object(access: IoAccess) -> dict[str, Any]:
    """Return an access as an object of the document."""
    return {
        "time": access.time,
        "thread": access.thread,
        "kind": access.kind,
        "address": access.address,
        "size": access.size,
        "count": access.count,
        "value": access.value,
        "instruction": access.instruction,
        "reason": access.reason,
        "served": access.served,
        "kernel": list(access.kernel),
        "handled": list(map(_chain, access.handled)),
        "coalesced": list(map(_chain, access.coalesced)),
        "detail": access.detail,
    }


def _chain(stop: Stop) -> list[str]:
    return [frame.function.name for frame in reversed(stop.frames) if not frame.library]
