"""Explains the function pointers of a recording: by what an earlier one found out, and by further runs of QEMU."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from analyzer.adapters.gdb import Gdb, GdbError
from analyzer.model.recording import Recording
from analyzer.recording.pointer_cache import Origin, PointerCache, added_records
from analyzer.recording.pointer_runs import explain_pointers, pointer_sites
from analyzer.recording.request import RecordingRequest
from analyzer.text import number_of
from gdbscripts.plan import IndirectCallSite, KnownPointer
from gdbscripts.records import NoteRecord, Record

# Time limit of a run that explains pointers: a multiple of the time to the last stop, plus seconds.
_RUN_FACTOR, _RUN_SECONDS = 3.0, 5.0


class PointerSearch:
    """The search for the origins of the function pointers of one recording; `file` is the recording."""

    def __init__(
        self, request: RecordingRequest, file: Path, gdb: Gdb, append: Callable[[Iterable[Record]], None]
    ) -> None:
        self._request = request
        self._file = file
        self._gdb = gdb
        self._append = append
        self._cache: PointerCache | None = None
        self._sites: Sequence[IndirectCallSite] = ()  # of the recording
        self._has_new = False  # whether one of them was not known
        self.frames = self.stops = 0  # numbers of those added to what gdb has recorded
        self.interrupted = False

    def known(self, command: Sequence[str]) -> list[KnownPointer]:
        """What gdb is to compare with the run that it records: the pointers of an earlier one with `command`."""
        options = self._request.options
        if not (options.pointers and options.pointer_cache):
            return []
        version = self._gdb.facts.version
        self._cache = PointerCache.of(self._request.qemu.build_id, command, options.accelerator, version)
        return [origin.plan() for origin in self._cache.origins] if self._cache is not None else []

    def explain(self, recording: Recording, plan_file: Path, report: Callable[[int, int], None]) -> None:
        """Explain the pointers of `recording`. An error or an interrupt here costs only the explanations."""
        if not recording.reached - {"main"}:
            return
        last = max(stop.time for stop in recording.stops)
        timeout = min(self._request.options.timeout, _RUN_FACTOR * last + _RUN_SECONDS)
        earlier: list[Origin] = []
        try:
            self._sites = pointer_sites(recording)
            earlier = self._same_origins()
            known = [origin.site for origin in earlier]
            self._has_new = len(known) < len(self._sites)
            notes = explain_pointers(self._gdb, recording, plan_file, timeout, report, known)
        except KeyboardInterrupt:
            notes = ["The explanation of the function pointers was interrupted."]
            self.interrupted = True
        except GdbError as error:
            notes = [f"The function pointers are not explained: {error.message}"]
        self._add(earlier)
        self._append(map(NoteRecord, notes))

    def keep(self) -> None:
        """Keep the new origins for later recordings; called when the recording is closed. Raises nothing."""
        if self._cache is None or self.interrupted:
            return
        if self._has_new:
            self._cache.store(self._file, self._sites)
        else:
            self._cache.mark_used()

    def _same_origins(self) -> list[Origin]:
        """The origins of an earlier recording that hold for this one, in the order of its calls."""
        sites = self._sites
        if self._cache is None or not self._cache.origins:
            return []
        proved = {int(number) for number in self._gdb.command("-chain-known-pointers")["proved"]}
        added = added_records(self._file)
        same = [o for n, o in enumerate(self._cache.origins) if n in proved and o.site in sites and added.fits(o)]
        return sorted(same, key=lambda origin: sites.index(origin.site))

    def _add(self, origins: Sequence[Origin]) -> None:
        """Add the origins to the recording, after all that gdb adds to it."""
        if not origins:
            return
        added = added_records(self._file)
        self._append([record for origin in origins for record in added.of(origin)])
        self.frames, self.stops = added.frames, added.stops
        count = number_of(len(origins), "function pointer")
        note = (
            f"Who set {count} is known from an earlier recording of this QEMU; the same slots have the same "
            "values in this one. --no-pointer-cache finds it again."
        )
        self._append([NoteRecord(note)])
