"""The guest's accesses to the world outside: each from its instruction through KVM and QEMU to the device.

What left the guest for QEMU is told by KVM_RUN's exits; what was served inside the kernel only by the kernel's
side of the recording. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from analyzer.kvm.exits import DecodedExit, decode_exit
from analyzer.kvm.kernel_functions import ENTRY, delivers_coalesced_write
from analyzer.kvm.requests import KVM_RUN
from analyzer.model.call_kinds import CallKind, arrow_key
from analyzer.model.frames import Stop, calls_in_program, chain_text
from analyzer.model.kvm import Ioctl, KernelEvent, KvmExit
from analyzer.model.recording import Recording
from analyzer.text import number_of
from analyzer.toml import load_toml
from gdbscripts.enums import StopReason

_REGISTER, _UNREGISTER = 0x4010AE67, 0x4010AE68  # KVM_(UN)REGISTER_COALESCED_MMIO
_HALT = ": f4"  # hlt
_PIO = re.compile(
    r"pio_(?P<way>write|read) at 0x(?P<at>\w+) size (?P<size>\d+) count (?P<count>\d+) val 0x(?P<value>\w+)"
)
_MMIO = re.compile(
    r"mmio (?P<way>write|read|unsatisfied-read) len (?P<size>\d+) gpa 0x(?P<at>\w+) val 0x(?P<value>\w+)"
)
_INSTRUCTION = re.compile(r"^(?P<base>[0-9a-f]+):(?P<ip>[0-9a-f]+):(?P<bytes>[0-9a-f ]+?)\s*\(")
_RIP = re.compile(r"\brip 0x(?P<rip>[0-9a-f]+)")
_KINDS = {"out": "port write", "in": "port read", "write": "memory write", "read": "memory read"}


@dataclass(frozen=True)
class IoAccess:
    """One access. `served` says who did it: QEMU, or who in the kernel."""

    thread: str
    time: float  # seconds since the program was started
    kind: str  # port write, port read, memory write, memory read, halt, interrupt, or KVM's own word for the exit
    address: int | None
    size: int  # bytes
    count: int  # of accesses by one instruction
    value: int | None
    instruction: str  # where the guest stood, and the bytes of its instruction; "" when nobody saw
    reason: str  # KVM_EXIT_…; "" for what was served in the kernel
    served: str
    kernel: tuple[str, ...]  # functions of the kernel, outermost first
    handled: tuple[Stop, ...]  # QEMU's stacks in the device's functions, for this access
    delivered: tuple[Stop, ...]  # and for those that KVM had kept back before (coalesced)
    detail: str = ""


def io_accesses(recording: Recording) -> list[IoAccess]:
    """All accesses that were recorded, in the order in which they happened on each vCPU."""
    exits = {exit_.ioctl: exit_ for exit_ in recording.exits}
    stops: dict[int, list[Stop]] = {}
    for stop in recording.stops:
        if stop.reason is StopReason.IO and stop.exit is not None:
            stops.setdefault(stop.exit, []).append(stop)
    found: list[IoAccess] = []
    zones: list[_CoalescedZone] = []
    before: dict[int, DecodedExit] = {}
    for entry in recording.ioctl_log:
        if entry.request in (_REGISTER, _UNREGISTER):
            _note_zone(entry, zones)
        elif entry.request == KVM_RUN:
            exit_ = exits.get(entry.number)
            decoded = decode_exit(exit_.run, exit_.data) if exit_ is not None else None
            run = _KvmRun(
                entry, recording.thread(entry.thread).label, zones, before.pop(entry.thread, None), decoded
            )
            found.extend(run.inside())
            if exit_ is not None and decoded is not None:
                found.append(run.outside(exit_, stops.get(exit_.number, ())))
                before[entry.thread] = decoded
    return found


@dataclass(frozen=True)
class _CoalescedZone:
    """Accesses that KVM keeps for QEMU until the next exit."""

    first: int
    last: int
    ports: bool


class _KvmRun:
    """One KVM_RUN: what happened inside, and why it came back."""

    def __init__(
        self,
        entry: Ioctl,
        thread: str,
        zones: Sequence[_CoalescedZone],
        before: DecodedExit | None,
        exit_: DecodedExit | None,
    ) -> None:
        self._entry = entry
        self._thread = thread
        self._zones = zones
        self._exit = exit_
        self._instruction = ""
        self._kernel: tuple[str, ...] = ()
        self._seen: list[IoAccess] = []
        self._read(before)

    def inside(self) -> list[IoAccess]:
        """What the kernel served itself."""
        return self._seen

    def outside(self, exit_: KvmExit, stops: Sequence[Stop]) -> IoAccess:
        """What KVM_RUN came back for."""
        assert self._exit is not None
        decoded = self._exit
        kept = tuple(stop for stop in stops if delivers_coalesced_write(stop))
        reads = decoded.direction in ("in", "read")
        answer = int.from_bytes(exit_.answer[: decoded.size], "little") if reads and exit_.answer else None
        return IoAccess(
            thread=self._thread,
            time=exit_.time,
            kind=_kind_of(decoded),
            address=decoded.address,
            size=decoded.size,
            count=decoded.count,
            value=answer if reads else decoded.value,
            instruction=self._instruction,
            reason=decoded.reason,
            served="QEMU",
            kernel=self._kernel,
            handled=tuple(stop for stop in stops if stop not in kept),
            delivered=kept,
            detail=decoded.detail,
        )

    def _read(self, before: DecodedExit | None) -> None:
        """Go through the kernel's events; those that belong to the exit itself tell its instruction and stack."""
        answered = before is None or before.direction not in ("in", "read")
        for event in self._entry.kernel:
            instruction = _instruction(event)
            if instruction:
                self._instruction, self._kernel, answered = instruction, event.stack[ENTRY:], True
                if instruction.endswith(_HALT):  # an interrupt that waits already wakes it at once
                    self._seen.append(self._halt(event))
                continue
            if event.name == "kvm_vcpu_wakeup" and self._seen and self._seen[-1].kind == "halt":
                self._seen[-1] = replace(self._seen[-1], detail=event.text)
                continue
            access = self._access(event)
            if access is None:
                continue
            if not answered and before is not None and _same(access, before):
                answered = True  # what QEMU gave to read, handed to the guest: of the access before
                continue
            self._seen.append(access)
        self._take_own()

    def _take_own(self) -> None:
        """The last access is the one KVM_RUN came back for, when it is alike."""
        came_back = self._entry.returned == 0
        last = self._seen[-1] if self._seen else None
        if last is None or not came_back or last.kind == "interrupt":
            return
        if self._exit is None:  # not sampled
            reasons = [event.text for event in self._entry.kernel if event.name == "kvm_userspace_exit"]
            own = last.address is not None and any(_FOR_A_DEVICE.search(text) for text in reasons)
        else:
            own = _same(last, self._exit)
        if own:
            self._instruction, self._kernel = last.instruction, last.kernel
            self._seen.pop()

    def _halt(self, event: KernelEvent) -> IoAccess:
        return IoAccess(
            thread=self._thread, time=event.time, kind="halt", address=None, size=0, count=1, value=None,
            instruction=self._instruction, reason="", served="KVM", kernel=event.stack[ENTRY:], handled=(),
            delivered=(),
        )  # fmt: skip

    def _access(self, event: KernelEvent) -> IoAccess | None:
        access = IoAccess(
            thread=self._thread, time=event.time, kind="", address=None, size=0, count=1, value=None,
            instruction=self._instruction, reason="", served="", kernel=event.stack[ENTRY:], handled=(),
            delivered=(),
        )  # fmt: skip
        if event.name == "kvm_vcpu_wakeup":
            return replace(self._halt(event), detail=event.text)
        if event.name in ("kvm_ack_irq", "kvm_inj_virq"):
            return replace(access, kind="interrupt", served="KVM", detail=event.text, instruction="")
        match = {"kvm_pio": _PIO, "kvm_mmio": _MMIO}.get(event.name, _NOTHING).match(event.text)
        if match is None:
            return None
        ports = event.name == "kvm_pio"
        way = "write" if match["way"] == "write" else "read"
        address = int(match["at"], 16)
        return replace(
            access,
            kind=f"{'port' if ports else 'memory'} {way}",
            address=address,
            size=int(match["size"]),
            count=int(match["count"]) if ports else 1,
            value=int(match["value"], 16),
            served=_served_by(address, ports, way, self._zones),
        )


_FOR_A_DEVICE = re.compile("KVM_EXIT_(?:IO|MMIO)")
_NOTHING = re.compile(r"(?!)")


def _same(access: IoAccess, exit_: DecodedExit) -> bool:
    return (access.kind, access.address) == (_kind_of(exit_), exit_.address)


def _kind_of(exit_: DecodedExit) -> str:
    if exit_.reason == "KVM_EXIT_HLT":
        return "halt"
    return _KINDS.get(exit_.direction, exit_.reason.removeprefix("KVM_EXIT_").lower().replace("_", " "))


def _instruction(event: KernelEvent) -> str:
    """Where the guest stands, as far as the event tells; "" for an event that does not."""
    if event.name == "kvm_emulate_insn" and (match := _INSTRUCTION.match(event.text)):
        return f"{int(match['base'], 16) + int(match['ip'], 16) & 0xFFFFFFFF:#x}: {match['bytes'].strip()}"
    if event.name == "kvm_exit" and (match := _RIP.search(event.text)):
        return f"{int(match['rip'], 16):#x}"
    return ""


def _note_zone(entry: Ioctl, zones: list[_CoalescedZone]) -> None:
    """struct kvm_coalesced_mmio_zone: address (8 bytes), size, whether it is of ports."""
    if len(entry.before) < 16 or entry.returned != 0:
        return
    first, size, ports = (int.from_bytes(entry.before[a:b], "little") for a, b in ((0, 8), (8, 12), (12, 16)))
    zone = _CoalescedZone(first, first + size - 1, bool(ports))
    if entry.request == _REGISTER:
        zones.append(zone)
    elif zone in zones:
        zones.remove(zone)


def _served_by(address: int, ports: bool, way: str, zones: Sequence[_CoalescedZone]) -> str:
    if way == "write" and any(z.first <= address <= z.last and z.ports == ports for z in zones):
        return "kept by KVM until the next exit (coalesced)"
    for name, is_port, first, last in _served_ranges():
        if is_port == ports and first <= address <= last:
            return f"KVM's own {name}"
    return "KVM"


@cache
def _served_ranges() -> tuple[tuple[str, bool, int, int], ...]:
    rows = load_toml("analyzer.recording.scenarios", "io.toml")["served"]
    return tuple(
        (row["name"], key == "ports", first, last)
        for row in rows
        for key in ("ports", "memory")
        for first, last in row.get(key, ())
    )


def access_words(access: IoAccess) -> str:
    """What the guest does, in a line."""
    if access.address is None:
        return f"{access.kind}{f' ({access.detail})' if access.detail else ''}"
    times = f", {access.count} times" if access.count > 1 else ""
    size = number_of(access.size, "byte")
    value = "" if access.value is None else f" = {access.value:#x}"
    return f"{access.kind} {access.address:#x}, {size}{times}{value}"


def accesses_text(recording: Recording) -> Iterator[str]:
    """One text for each access: what, where in the guest, and which functions served it; at the end the key."""
    kinds: set[CallKind] = set()
    for access in io_accesses(recording):
        where = f"  at {access.instruction}" if access.instruction else ""
        lines = [f"{access.time:9.6f} {access.thread:12} {access_words(access)}{where}"]
        lines += [f"          delivers {_chain(stop)}" for stop in access.delivered]
        lines += [f"          {access.reason}: {_chain(stop)}" for stop in access.handled]
        if not access.handled:
            lines.append(f"          {access.reason or access.served}")
        for stop in (*access.delivered, *access.handled):
            kinds |= {kind for kind, _ in calls_in_program(stop.frames) if kind}
        yield "\n".join(lines)
    if kinds:
        yield f"Key: {arrow_key(kinds)}."


def _chain(stop: Stop) -> str:
    return chain_text(calls_in_program(stop.frames))
