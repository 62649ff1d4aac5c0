"""The header of a recording, and what is checked before a run."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone

from analyzer import TOOL
from analyzer.adapters.qemu import FIRMWARE_HINT
from analyzer.errors import AnalyzerError
from analyzer.recording.request import RecordingRequest
from gdbscripts.enums import Engine
from gdbscripts.records import SCHEMA, HeaderRecord


def header_record(
    request: RecordingRequest, command: Sequence[str], gdb_version: str, engine: Engine = Engine.GDB
) -> HeaderRecord:
    """The header of a recording that `engine` makes; `command` is for a user to repeat."""
    return HeaderRecord(
        schema=SCHEMA,
        tool=TOOL,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        scenario=request.scenario.name,
        command=list(command),
        guest=request.guest.name,
        accelerator_asked=request.options.accelerator,
        qemu=str(request.qemu.path),
        qemu_version=request.qemu.version,
        build_id=request.qemu.build_id,
        gdb_version=gdb_version,
        host=f"Linux {platform.release()} {platform.machine()}",
        build=request.build,
        qemu_arguments=list(request.options.qemu_arguments),
        engine=engine,
    )


def check_firmware(request: RecordingRequest) -> None:
    """AnalyzerError when the guest needs a firmware and there is none."""
    given = request.qemu.has_firmware or "-bios" in request.options.qemu_arguments
    if not request.guest.exits_by_itself and not given:
        raise AnalyzerError("No firmware (BIOS) was found for this QEMU.", FIRMWARE_HINT)
