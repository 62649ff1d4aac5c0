"""The guest's I/O accesses: each from the guest's instruction through KVM and QEMU to the device.

Accesses that QEMU serves come from the exits of KVM_RUN; accesses that KVM serves inside the kernel come only from
the kernel trace. The texts of KVM's tracepoints are those of include/trace/events/kvm.h (kvm_mmio,
kvm_userspace_exit, kvm_vcpu_wakeup, kvm_ack_irq) and arch/x86/kvm/trace.h (kvm_pio, kvm_exit, kvm_emulate_insn,
kvm_inj_virq). Coalesced MMIO and PIO: virt/kvm/coalesced_mmio.c.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from analyzer.kvm import struct_layouts
from analyzer.kvm.exits import DecodedExit, decode_exit
from analyzer.kvm.kernel_functions import SYSCALL_FRAMES, handles_coalesced_write
from analyzer.kvm.requests import KVM_RUN
from analyzer.model.frames import Stop
from analyzer.model.kvm import Ioctl, KernelEvent, KvmExit
from analyzer.model.recording import Recording
from analyzer.toml import load_toml
from gdbscripts.enums import StopReason

_REGISTER, _UNREGISTER = 0x4010AE67, 0x4010AE68  # KVM_(UN)REGISTER_COALESCED_MMIO
_HALT = ": f4"  # the end of an instruction's text: the opcode of hlt
_PIO = re.compile(
    r"pio_(?P<direction>write|read) at 0x(?P<address>\w+) size (?P<size>\d+) count (?P<count>\d+) "
    r"val 0x(?P<value>\w+)"
)
_MMIO = re.compile(
    r"mmio (?P<direction>write|read|unsatisfied-read) len (?P<size>\d+) gpa 0x(?P<address>\w+) "
    r"val 0x(?P<value>\w+)"
)
_INSTRUCTION = re.compile(r"^(?P<base>[0-9a-f]+):(?P<ip>[0-9a-f]+):(?P<bytes>[0-9a-f ]+?)\s*\(")
_RIP = re.compile(r"\brip 0x(?P<rip>[0-9a-f]+)")
_KINDS = {"out": "port write", "in": "port read", "write": "memory write", "read": "memory read"}


@dataclass(frozen=True)
class IoAccess:
    """One access of the guest, or one halt, interrupt or other exit of a vCPU.

    `served` names who serves it: QEMU, KVM, or a device that KVM emulates.
    """

    thread: str  # label of the vCPU's thread
    time: float  # seconds since the program was started
    kind: (
        str  # port write, port read, memory write, memory read, halt, interrupt, or the exit reason in lower case
    )
    address: int | None  # port or guest-physical address
    size: int  # bytes of one access
    count: int  # accesses by one instruction: more than one for string instructions
    value: int | None  # of the first access; None when it was not recorded
    instruction: str  # `0xfff0: e6 80`, address and bytes; "" when it was not recorded
    reason: str  # KVM_EXIT_…; "" for an access that the kernel serves
    served: str
    kernel: tuple[str, ...]  # names of the kernel's functions, outermost first
    handled: tuple[Stop, ...]  # QEMU's stacks in functions of devices, for this access
    coalesced: tuple[Stop, ...]  # the same for the coalesced writes that QEMU handles before it
    detail: str = ""  # of an interrupt, a wake-up or an exit, as text


def io_accesses(recording: Recording) -> list[IoAccess]:
    """The recorded accesses, in the order of the KVM_RUN ioctls of all vCPUs; [] when no exits were recorded.

    Accesses that the kernel serves are missing when the kernel trace was not recorded.
    """
    exits = {exit_.ioctl: exit_ for exit_ in recording.exits}
    stops: dict[int, list[Stop]] = {}
    for stop in recording.stops:
        if stop.reason is StopReason.IO and stop.exit is not None:
            stops.setdefault(stop.exit, []).append(stop)
    found: list[IoAccess] = []
    zones: list[_CoalescedZone] = []
    previous_exits: dict[int, DecodedExit] = {}  # thread -> the exit of its last KVM_RUN
    for entry in recording.ioctl_log:
        if entry.request in (_REGISTER, _UNREGISTER):
            _update_zones(entry, zones)
        elif entry.request == KVM_RUN:
            exit_ = exits.get(entry.number)
            decoded = decode_exit(exit_.run, exit_.data) if exit_ is not None else None
            previous = previous_exits.pop(entry.thread, None)
            run = _KvmRun(entry, recording.thread(entry.thread).label, zones, previous, decoded)
            found.extend(run.served_in_kernel())
            if exit_ is not None and decoded is not None:
                found.append(run.served_by_qemu(exit_, stops.get(exit_.number, ())))
                previous_exits[entry.thread] = decoded
    return found


@dataclass(frozen=True)
class _CoalescedZone:
    """A range of which KVM coalesces the writes: it queues them until the next exit. Bounds are inclusive."""

    first: int
    last: int
    ports: bool  # else guest-physical addresses


class _KvmRun:
    """One KVM_RUN ioctl: the accesses that the kernel served meanwhile, and the exit it returned with."""

    def __init__(
        self,
        entry: Ioctl,
        thread: str,
        zones: Sequence[_CoalescedZone],
        previous_exit: DecodedExit | None,
        exit_: DecodedExit | None,
    ) -> None:
        self._entry = entry
        self._thread = thread
        self._zones = zones
        self._exit = exit_
        self._instruction = ""
        self._kernel: tuple[str, ...] = ()
        self._accesses: list[IoAccess] = []
        self._read_events(previous_exit)

    def served_in_kernel(self) -> list[IoAccess]:
        """The accesses, halts and interrupts that the kernel served without leaving KVM_RUN."""
        return self._accesses

    def served_by_qemu(self, exit_: KvmExit, stops: Sequence[Stop]) -> IoAccess:
        """The access that KVM_RUN returned for; `stops` are QEMU's stacks while it handles `exit_`."""
        assert self._exit is not None
        decoded = self._exit
        coalesced = tuple(stop for stop in stops if handles_coalesced_write(stop))
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
            handled=tuple(stop for stop in stops if stop not in coalesced),
            coalesced=coalesced,
            detail=decoded.detail,
        )

    def _read_events(self, previous_exit: DecodedExit | None) -> None:
        """Turn the kernel's events into accesses, without the event that completes the previous exit's read."""
        completed = previous_exit is None or previous_exit.direction not in ("in", "read")
        for event in self._entry.kernel:
            instruction = _instruction(event)
            if instruction:
                self._instruction, self._kernel, completed = instruction, event.stack[SYSCALL_FRAMES:], True
                if instruction.endswith(_HALT):  # without kvm_vcpu_wakeup when an interrupt is already pending
                    self._accesses.append(self._halt(event))
                continue
            if event.name == "kvm_vcpu_wakeup" and self._accesses and self._accesses[-1].kind == "halt":
                self._accesses[-1] = replace(self._accesses[-1], detail=event.text)
                continue
            access = self._access(event)
            if access is None:
                continue
            if not completed and previous_exit is not None and _matches(access, previous_exit):
                completed = True  # KVM hands the value that QEMU read to the guest: part of the previous access
                continue
            self._accesses.append(access)
        self._move_exit_access()

    def _move_exit_access(self) -> None:
        """Take the last access off the list when it is the one that KVM_RUN returned for."""
        succeeded = self._entry.returned == 0
        last = self._accesses[-1] if self._accesses else None
        if last is None or not succeeded or last.kind == "interrupt":
            return
        if self._exit is None:  # the exit was not recorded, only counted
            reasons = [event.text for event in self._entry.kernel if event.name == "kvm_userspace_exit"]
            returned_for = last.address is not None and any(_IO_EXIT.search(text) for text in reasons)
        else:
            returned_for = _matches(last, self._exit)
        if returned_for:
            self._instruction, self._kernel = last.instruction, last.kernel
            self._accesses.pop()

    def _halt(self, event: KernelEvent) -> IoAccess:
        return IoAccess(
            thread=self._thread, time=event.time, kind="halt", address=None, size=0, count=1, value=None,
            instruction=self._instruction, reason="", served="KVM", kernel=event.stack[SYSCALL_FRAMES:],
            handled=(), coalesced=(),
        )  # fmt: skip

    def _access(self, event: KernelEvent) -> IoAccess | None:
        access = IoAccess(
            thread=self._thread, time=event.time, kind="", address=None, size=0, count=1, value=None,
            instruction=self._instruction, reason="", served="", kernel=event.stack[SYSCALL_FRAMES:], handled=(),
            coalesced=(),
        )  # fmt: skip
        if event.name == "kvm_vcpu_wakeup":
            return replace(self._halt(event), detail=event.text)
        if event.name in ("kvm_ack_irq", "kvm_inj_virq"):
            return replace(access, kind="interrupt", served="KVM", detail=event.text, instruction="")
        match = {"kvm_pio": _PIO, "kvm_mmio": _MMIO}.get(event.name, _NEVER_MATCHES).match(event.text)
        if match is None:
            return None
        ports = event.name == "kvm_pio"
        direction = "write" if match["direction"] == "write" else "read"
        address = int(match["address"], 16)
        return replace(
            access,
            kind=f"{'port' if ports else 'memory'} {direction}",
            address=address,
            size=int(match["size"]),
            count=int(match["count"]) if ports else 1,
            value=int(match["value"], 16),
            served=_served_by(address, ports, direction, self._zones),
        )


_IO_EXIT = re.compile("KVM_EXIT_(?:IO|MMIO)")
_NEVER_MATCHES = re.compile(r"(?!)")


def _matches(access: IoAccess, exit_: DecodedExit) -> bool:
    return (access.kind, access.address) == (_kind_of(exit_), exit_.address)


def _kind_of(exit_: DecodedExit) -> str:
    if exit_.reason == "KVM_EXIT_HLT":
        return "halt"
    return _KINDS.get(exit_.direction, exit_.reason.removeprefix("KVM_EXIT_").lower().replace("_", " "))


def _instruction(event: KernelEvent) -> str:
    """Address and bytes of the guest's instruction, `0xfff0: e6 80`; "" for an event without an instruction."""
    if event.name == "kvm_emulate_insn" and (match := _INSTRUCTION.match(event.text)):
        return f"{int(match['base'], 16) + int(match['ip'], 16) & 0xFFFFFFFF:#x}: {match['bytes'].strip()}"
    if event.name == "kvm_exit" and (match := _RIP.search(event.text)):
        return f"{int(match['rip'], 16):#x}"
    return ""


def _update_zones(entry: Ioctl, zones: list[_CoalescedZone]) -> None:
    """Add or remove the zone of a KVM_(UN)REGISTER_COALESCED_MMIO (struct kvm_coalesced_mmio_zone)."""
    fields = struct_layouts.COALESCED.read(entry.before)
    if not fields or entry.returned != 0:
        return
    zone = _CoalescedZone(fields["addr"], fields["addr"] + fields["size"] - 1, bool(fields["pio"]))
    if entry.request == _REGISTER:
        zones.append(zone)
    elif zone in zones:
        zones.remove(zone)


def _served_by(address: int, ports: bool, direction: str, zones: Sequence[_CoalescedZone]) -> str:
    if direction == "write" and any(z.first <= address <= z.last and z.ports == ports for z in zones):
        return "coalesced by KVM until the next exit"
    for name, is_port, first, last in _ranges_served_by_kvm():
        if is_port == ports and first <= address <= last:
            return f"KVM's own {name}"
    return "KVM"


@cache
def _ranges_served_by_kvm() -> tuple[tuple[str, bool, int, int], ...]:
    """(device, whether the range is of ports, first, last) of each range under `served` in io.toml."""
    rows = load_toml("analyzer.recording.scenarios", "io.toml")["served"]
    return tuple(
        (row["name"], key == "ports", first, last)
        for row in rows
        for key in ("ports", "memory")
        for first, last in row.get(key, ())
    )
