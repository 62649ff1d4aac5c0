"""The tables of the report page's document: their columns, and what each column holds.

`reports/web/README.md` describes the document; a test compares its list with this one. Types of columns:
  number   an integer or a float; null when unknown
  flag     0 or 1
  text     a number into `strings`
  numbers  a list of integers
  texts    a list of numbers into `strings`
A column whose description begins with `> TABLE` holds row numbers of that table; -1 stands for none.
"""

from __future__ import annotations

from enum import Enum

FORMAT = "qemu-callchain report page"
# History of the format:
# 1  first
VERSION = 1


class ColumnType(str, Enum):
    """What the values of a column are."""

    NUMBER = "number"
    FLAG = "flag"
    TEXT = "text"
    NUMBERS = "numbers"
    TEXTS = "texts"

    def __str__(self) -> str:
        return self.value


NUMBER, FLAG, TEXT, NUMBERS, TEXTS = ColumnType

Columns = dict[str, tuple[ColumnType, str]]  # name -> type and description

TABLES: dict[str, Columns] = {
    "functions": {
        "name": (TEXT, "without compiler suffixes"),
        "where": (TEXT, "stem of the source file, or library in brackets; name and where identify the function"),
        "file": (TEXT, "that defines it, relative to the source root; empty when unknown"),
        "hits": (NUMBER, "frames of it in all recorded stacks"),
        "outermost": (NUMBER, "stacks in which it is outermost"),
        "innermost": (NUMBER, "stacks in which it is innermost"),
        "open_ended": (NUMBER, "stacks that were cut at it"),
        "threads": (TEXTS, "labels of threads"),
        "milestones": (TEXTS, "names of milestones reached in it"),
        "arguments": (TEXTS, "up to three different argument lists"),
    },
    "call_kinds": {
        "kind": (TEXT, "value of CallKind"),
        "arrow": (TEXT, "such as *>"),
        "label": (TEXT, "noun phrase"),
        "sentence": (TEXT, "verb phrase between caller and callee"),
        "calls": (NUMBER, "calls of this kind in the graph"),
    },
    "calls": {
        "caller": (NUMBER, "> functions"),
        "callee": (NUMBER, "> functions"),
        "kind": (NUMBER, "> call_kinds"),
        "hits": (NUMBER, "recorded stacks that contain the call; created threads for a thread start"),
        "sites": (NUMBERS, "> sites"),
        "pointers": (NUMBERS, "> pointers"),
    },
    "sites": {
        "file": (TEXT, "of the caller; empty when unknown"),
        "line": (NUMBER, "0 when unknown"),
        "instruction": (TEXT, "call instruction without addresses"),
    },
    "pointers": {
        "caller": (NUMBER, "> functions"),
        "callee": (NUMBER, "> functions"),
        "call": (NUMBER, "> calls"),
        "slot": (TEXT, "such as AccelClass.init_machine"),
        "slot_kind": (TEXT, "value of SlotKind"),
        "outcome": (TEXT, "value of PointerOutcome"),
        "reason": (TEXT, "why the origin is unknown; empty when it is known"),
        "address": (TEXT, "of the slot, hexadecimal; empty when unknown"),
        "value": (TEXT, "address of the callee, hexadecimal; empty when unknown"),
        "origins": (NUMBERS, "> origins, from the call back to the source"),
    },
    "origins": {
        "what": (TEXT, "value of PointerOriginKind"),
        "sentence": (TEXT, "such as: stored in Ops.run by init"),
        "name": (TEXT, "of the slot"),
        "function": (NUMBER, "> functions; the function that sets the pointer"),
        "function_name": (TEXT, "its name, also when the graph does not have it"),
        "file": (TEXT, "empty when unknown"),
        "line": (NUMBER, "0 when unknown"),
        "stop": (NUMBER, "> stops; the stack of this step"),
    },
    "frames": {
        "function": (NUMBER, "> functions; -1 for a function that is not in the graph"),
        "name": (TEXT, "as gdb shows it, with compiler suffixes"),
        "kind": (TEXT, "value of FrameKind"),
        "file": (TEXT, "empty when unknown"),
        "line": (NUMBER, "0 when unknown"),
        "library": (TEXT, "path of the library; empty for the program itself"),
        "address": (TEXT, "16 hexadecimal digits when gdb prints it; else empty"),
        "call": (NUMBER, "> call_kinds; the call to the next inner frame"),
        "instruction": (TEXT, "call instruction without addresses"),
        "elided": (NUMBERS, "> functions that a tail call left out, between this and the next inner frame"),
    },
    "stacks": {
        "parent": (NUMBER, "> stacks; the node of the caller; -1 for an outermost frame"),
        "frame": (NUMBER, "> frames"),
    },
    "stops": {
        "run": (NUMBER, "> runs"),
        "number": (NUMBER, "in the recording"),
        "time": (NUMBER, "seconds since QEMU was started"),
        "thread": (NUMBER, "> threads"),
        "reason": (TEXT, "value of StopReason"),
        "heading": (TEXT, "a line: reason, milestones, thread, time and count"),
        "milestones": (TEXTS, "names of milestones reached here"),
        "function": (TEXT, "that the breakpoint is on"),
        "stack": (NUMBER, "> stacks; the innermost frame"),
        "count": (NUMBER, "equal stacks that it stands for"),
        "arguments": (TEXTS, "of each frame, innermost first; empty list when they were not read"),
        "open_ended": (FLAG, "the backtrace was cut: callers of the outermost frame are unknown"),
        "request": (TEXT, "of the ioctl that the stop is at"),
        "starts": (NUMBER, "> functions; start function of the thread created here"),
    },
    "threads": {
        "run": (NUMBER, "> runs"),
        "number": (NUMBER, "gdb's; 0 for a created thread without a backtrace"),
        "tid": (NUMBER, "the kernel's; 0 when unknown"),
        "label": (TEXT, "such as: CPU 0/KVM"),
        "start": (TEXT, "start function"),
        "creator": (TEXT, "functions that created it"),
        "created_by": (NUMBER, "> stops"),
        "stops": (NUMBER, "recorded stacks"),
    },
    "runs": {
        "name": (TEXT, "empty when there is only one"),
        "command": (TEXT, "command line of QEMU"),
        "serial_output": (TEXT, "of the guest"),
        "qemu_messages": (TEXT, "standard error of QEMU"),
        "kernel_note": (TEXT, "how the kernel functions in the ioctl log are known"),
        "end": (TEXT, "why the recording ended"),
        "times": (
            TEXT,
            "how long the run took, and how much of it was in gdb and in the recorder; empty when unknown",
        ),
        "traced": (FLAG, "the kernel was traced"),
    },
    "facts": {
        "run": (NUMBER, "> runs; -1 for a fact of all runs"),
        "name": (TEXT, ""),
        "value": (TEXT, ""),
    },
    "problems": {
        "text": (TEXT, "a sentence: what is incomplete or could not be observed"),
    },
    "milestones": {
        "run": (NUMBER, "> runs"),
        "name": (TEXT, "empty for the row of a glob"),
        "title": (TEXT, ""),
        "time": (NUMBER, "seconds since QEMU was started; null when not reached"),
        "function": (TEXT, "function or ioctl"),
        "required": (FLAG, "the recording is incomplete without it"),
        "passed": (FLAG, "it lies before the recording"),
        "stop": (NUMBER, "> stops; the first one at it"),
    },
    "chapters": {
        "milestone": (TEXT, "name"),
        "title": (TEXT, ""),
        "about": (TEXT, "sentences"),
        "thread": (TEXT, "label"),
        "shared": (NUMBER, "first steps that are those of the previous chapter"),
        "steps": (NUMBERS, "> steps"),
    },
    "steps": {
        "function": (NUMBER, "> functions; -1 for a function of the kernel"),
        "name": (TEXT, "of the function"),
        "kind": (NUMBER, "> call_kinds; -1 for the outermost function"),
        "file": (TEXT, "empty when unknown"),
        "line": (NUMBER, "where it calls the next function; 0 when unknown"),
        "instruction": (TEXT, "that led here"),
        "arguments": (TEXT, "one line"),
        "pointers": (NUMBERS, "> pointers; that its caller calls it through"),
    },
    "sources": {
        "file": (TEXT, ""),
        "first": (NUMBER, "line number of the first line"),
        "lines": (TEXTS, "consecutive lines"),
        "tokens": (TEXTS, "of each line: words of a letter (k t s n c p f, none for plain text) and a length"),
    },
    "descriptors": {
        "run": (NUMBER, "> runs"),
        "depth": (NUMBER, "0 system, 1 VM, 2 vCPU or device, 3 the guest"),
        "request": (TEXT, "ioctl that returned it"),
        "name": (TEXT, "such as: vm_fd 12"),
        "file": (TEXT, "target of /proc/PID/fd/N"),
        "ioctls": (NUMBER, "issued on it"),
    },
    "ioctls": {
        "run": (NUMBER, "> runs; -1 in a graph without recordings"),
        "number": (NUMBER, "in the recording; null when it comes from a backtrace"),
        "time": (NUMBER, "seconds since QEMU was started; null when unknown"),
        "thread": (TEXT, "label"),
        "fd": (NUMBER, "null when unknown"),
        "descriptor": (TEXT, "system, vm, vcpu, device"),
        "file": (TEXT, "target of /proc/PID/fd/N"),
        "request": (TEXT, "such as KVM_CREATE_VM"),
        "argument": (TEXT, "decoded"),
        "result": (TEXT, "decoded"),
        "stack": (NUMBER, "> stacks; -1 when the stack was not taken"),
        "function": (TEXT, "that issues it"),
        "kernel": (TEXTS, "functions of the kernel, outermost first"),
        "observed": (FLAG, "the kernel functions are from a recorded stack; else from the kernel's sources"),
    },
    "exits": {
        "run": (NUMBER, "> runs"),
        "reason": (TEXT, "KVM_EXIT_…"),
        "exits": (NUMBER, "exits to QEMU"),
        "recorded": (NUMBER, "exits that were recorded"),
    },
    "accesses": {
        "run": (NUMBER, "> runs"),
        "thread": (TEXT, "label"),
        "time": (NUMBER, "seconds since QEMU was started, of the first access"),
        "access": (TEXT, "what the guest does"),
        "instruction": (TEXT, "address and bytes; empty when unknown"),
        "count": (NUMBER, "successive accesses that differ only in value"),
        "repetitions": (TEXT, "their values; empty for a single one"),
        "kvm": (TEXT, "exit reason, else how the kernel completes it"),
        "exits": (FLAG, "exits to QEMU"),
        "kernel": (TEXTS, "functions of the kernel, outermost first"),
        "device_calls": (NUMBERS, "> device_calls"),
        "returned": (TEXT, "what the guest gets"),
    },
    "device_calls": {
        "coalesced": (FLAG, "completes a write that KVM coalesced"),
        "stop": (NUMBER, "> stops"),
        "chain": (
            NUMBERS,
            "> functions, outermost first, without the device's function; -1 when not in the graph",
        ),
        "chain_text": (TEXT, "the same with arrows"),
        "kind": (NUMBER, "> call_kinds; how the device's function is called"),
        "device": (NUMBER, "> functions; the device's function"),
        "device_name": (TEXT, ""),
        "place": (TEXT, "file:line"),
        "arguments": (TEXT, ""),
        "slot": (TEXT, "of the pointer; empty when unknown"),
        "set_by": (TEXT, "who set it"),
    },
}
