"""The record types of a recording, shared by both sides; `lines.py` writes and reads them.

A recording is one `HeaderRecord`, then records in the order of events, then one `EndRecord`. Without an
`EndRecord` the recording is incomplete. A frame is recorded once and referred to by its number afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, List, Optional, Tuple, Union

from gdbscripts.enums import (
    Engine,
    FrameKind,
    PointerOriginKind,
    PointerOutcome,
    RecordingOutcome,
    SlotKind,
    StopReason,
)
from gdbscripts.kvm_records import ExitCountRecord, ExitResultRecord, IoctlRecord, IoctlReturnRecord, KvmExitRecord

# History of the format:
# 1  first
# 2  pointers, the ioctl log, kernel events
# 3  stops have a count, frames have calls of kind `call`: imported backtraces
# 4  frames and steps of pointers have the file that defines their function, when the line is in another file;
#    stops may be open-ended; `UNKNOWN_ARGUMENTS`; hits of --break with a stack recorded before are counted;
#    stops of reason `attach`, milestones that are passed: a program that ran before gdb attached
# 5  stacks have a number and are recorded once; fields with their default value are left out;
#    the header names the engine; pointers whose origin an earlier recording found are marked; milestones have the
#    glob of --break that selected them; stops of reason `signal`: the program crashed;
#    the footer has the times of the run
SCHEMA = 5

# Scenarios of a program that ran before gdb attached to it: how it runs, how it serves I/O.
ATTACHED, ATTACHED_IO = "attached", "attached-io"
IMPORT = "import"  # scenario of a recording that was imported from text
KERNEL_LIBRARY = "kernel"  # the library of imported kernel functions
UNKNOWN_NAME = "??"  # the function of a frame without a symbol
SIGNAL = "<signal handler called>"
CUT = "<stack deeper than"  # prefix of the name of the frame that replaces all omitted frames
BREAK = "break "  # prefix of the name of a milestone that --break created
CALLS_OF = "calls of "  # follows it in the name of a milestone of --break-calls-of

Arguments = List[Tuple[str, str]]  # (name, value as gdb prints it), in the order of the declaration
UNKNOWN_ARGUMENTS = ("…", "")  # the one argument of a frame whose arguments an imported text lacks


@dataclass(frozen=True)
class HeaderRecord:
    """The program, the command line and the host that the recording comes from."""

    TAG: ClassVar[str] = "header"
    schema: int
    tool: str  # name and version of this program, as `name version`
    created: str  # ISO 8601, UTC
    scenario: str
    command: List[str]  # to run by hand: the serial port goes to stdio instead of a file
    guest: str  # "tiny", "running" (gdb attached), or the path of the user's image or kernel
    accelerator_asked: str
    qemu: str  # absolute path of the binary
    qemu_version: str
    build_id: str  # hexadecimal; "" when the binary has none
    gdb_version: str
    host: str  # kernel release and machine
    build: Dict[str, Any] = field(default_factory=dict)  # the content of build.json, when there is one
    qemu_arguments: List[str] = field(default_factory=list)  # the user's own: the end of `command`
    engine: Engine = Engine.GDB


@dataclass(frozen=True)
class MilestoneRecord:
    """One milestone of the scenario, and which of its functions the program has."""

    TAG: ClassVar[str] = "milestone"
    name: str
    title: str
    required: bool
    found: List[str]  # functions of the milestone that the program has
    missing: List[str]  # functions of the milestone that the program does not have
    files: List[str] = field(default_factory=list)  # absolute source files of `found`
    request: str = ""  # name of the ioctl request, when the milestone is one request
    about: str = ""  # description for the report
    target: bool = False  # the report shows a chain to this milestone
    passed: bool = False  # the program was past it when gdb attached; it may be reached again
    pattern: str = ""  # the glob of --break that selected its function


@dataclass(frozen=True)
class ThreadRecord:
    """One thread. It is recorded again when its name changes; the last record counts."""

    TAG: ClassVar[str] = "thread"
    number: int  # gdb's number, from 1
    tid: int
    name: str
    handle: str = ""  # its pthread_t in hexadecimal, which identifies the thread that created it


@dataclass(frozen=True)
class FrameRecord:
    """One frame, by its position in the code. Arguments belong to the stop, not to the frame."""

    TAG: ClassVar[str] = "frame"
    number: int  # from 0
    function: str  # "??" when gdb knows none
    kind: FrameKind
    pc: int
    file: str = ""  # absolute, or as the debug information of a library has it
    line: int = 0
    library: str = ""  # path of the shared library the code is in; "" for the program itself
    addressed: bool = True  # gdb prints the address: the pc is not at the start of a line
    call: str = ""  # how this frame calls its callee: direct, indirect, call, tail, inline, signal, unknown
    instruction: str = ""  # the disassembled call instruction
    # Elided frames between this frame and its callee: functions that left by a tail call. The one called first
    # is first; each is name, absolute source file and library. `call` is how the last of them calls the callee.
    via: List[List[str]] = field(default_factory=list)
    defined_in: Optional[str] = None  # the source file that defines the function, as `file`; None: it is `file`


@dataclass(frozen=True)
class StackRecord:
    """One stack, as the numbers of its frames, innermost first. Stops and ioctls refer to it."""

    TAG: ClassVar[str] = "stack"
    number: int  # from 0
    frames: List[int]


@dataclass(frozen=True)
class StopRecord:
    """The stack of one thread at one moment."""

    TAG: ClassVar[str] = "stop"
    number: int  # from 0
    time: float  # seconds since the program was started, or since gdb attached to it
    thread: int
    reason: StopReason
    milestones: List[str]
    function: str  # the function that has the breakpoint; "" for the reasons `where`, `attach` and `signal`
    stack: int = -1  # number of its `StackRecord`; -1 before schema 5
    # One list for each frame of the first stop with a stack, and of each milestone; none: they were not read.
    arguments: List[Arguments] = field(default_factory=list)
    fd: int = -1  # ioctl only: the descriptor, the file behind it, the request
    file: str = ""
    request: int = 0
    starts: str = ""  # thread-create only: start function of the new thread and its source file
    starts_file: str = ""
    starts_library: str = ""  # the library of the start function
    exit: int = -1  # io only: number of the exit that QEMU is handling
    count: int = 1  # number of equal stacks that this stop represents
    signal: str = ""  # signal only: its name, such as SIGSEGV
    open_ended: bool = False  # imports only: the callers of the outermost frame are unknown
    frames: List[int] = field(default_factory=list)  # before schema 5: the frames of the stack


@dataclass(frozen=True)
class RepeatRecord:
    """Further hits of the breakpoint of stop `stop`, on the same thread and with the same stack."""

    TAG: ClassVar[str] = "repeat"
    stop: int
    count: int


@dataclass(frozen=True)
class ReturnRecord:
    """The return value of the call that stop `stop` recorded."""

    TAG: ClassVar[str] = "return"
    stop: int
    value: int
    handle: str = ""  # thread-create only: the new pthread_t in hexadecimal


@dataclass(frozen=True)
class KernelTraceRecord:
    """Whether the kernel side was recorded with tracefs, and what was lost."""

    TAG: ClassVar[str] = "kernel"
    recorded: bool
    reason: str  # why it was not recorded, and what would allow it
    lost: int = 0  # events that did not fit into the tracefs ring buffers
    unclaimed: int = 0  # ioctls on KVM descriptors that the kernel traced and the recording lacks


@dataclass(frozen=True)
class KernelStackRecord:
    """The kernel functions from the entry of the ioctl system call to one tracepoint."""

    TAG: ClassVar[str] = "kernel-stack"
    number: int  # from 0
    functions: List[str]  # outermost first


@dataclass(frozen=True)
class KernelEventRecord:
    """One tracepoint event during an ioctl, with the number of equal events."""

    TAG: ClassVar[str] = "kernel-event"
    ioctl: int
    time: float  # seconds since the program was started
    name: str
    text: str
    stack: int  # -1 when the event has no stack
    count: int = 1  # number of equal events in this ioctl with this stack


@dataclass(frozen=True)
class PointerRecord:
    """The pointer of one indirect call: the slot it was loaded from, its value and its target."""

    TAG: ClassVar[str] = "pointer"
    number: int  # from 0
    returns: List[int]  # `pc` of the caller's frame and of its callers, without inlined frames
    callee: str  # `function` of the frame that was called
    kind: SlotKind
    slot: str  # `AccelClass.init_machine`; "" when it has no name
    address: int  # of the slot; 0 when the pointer had no slot in memory
    value: int
    target: str  # the function at `value`
    outcome: PointerOutcome
    reason: str = ""  # why it is not explained
    # elided frames from `target` to `callee`, as `FrameRecord.via`
    leads: List[List[str]] = field(default_factory=list)
    earlier: bool = False  # its origin was found in an earlier recording; its slots held `value` in this one, too


@dataclass(frozen=True)
class PointerOriginRecord:
    """One step of the pointer's origin, from the call back to where the pointer was set; the step nearest to
    the call is recorded first."""

    TAG: ClassVar[str] = "pointer-step"
    pointer: int
    what: PointerOriginKind
    name: str  # of the parameter passed, the slot, the table, the function that returned it
    function: str = ""
    file: str = ""
    line: int = 0
    library: str = ""
    address: int = 0
    stop: int = -1  # stored, copied: number of the stop that recorded the store
    defined_in: Optional[str] = None  # of `function`, as `FrameRecord.defined_in`


@dataclass(frozen=True)
class AcceleratorRecord:
    """The accelerator that runs, read from a variable of QEMU."""

    TAG: ClassVar[str] = "accelerator"
    name: str
    evidence: str


@dataclass(frozen=True)
class SourceRecord:
    """A few lines of a source file, so that a report needs no source tree."""

    TAG: ClassVar[str] = "source"
    file: str  # as in `FrameRecord.file`
    first: int  # number of the first line
    lines: List[str]


@dataclass(frozen=True)
class OutputRecord:
    """Text that the guest or QEMU printed."""

    TAG: ClassVar[str] = "output"
    stream: str  # serial, stdout, stderr
    text: str


@dataclass(frozen=True)
class ProgramExitRecord:
    """How the program ended; both fields are empty when the recorder ended it."""

    TAG: ClassVar[str] = "exit"
    status: Optional[int] = None
    signal: str = ""


@dataclass(frozen=True)
class NoteRecord:
    """One sentence for the reader of the report."""

    TAG: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class EndRecord:
    """The footer: outcome of the run, and counts to check against."""

    TAG: ClassVar[str] = "end"
    outcome: RecordingOutcome
    reason: str
    frames: int
    stops: int
    # Of the recorded run, in seconds; 0 when they were not measured: imports, and recordings before schema 5.
    seconds: float = 0.0  # from the start of the program to its end
    program_seconds: float = 0.0  # processor time of the program
    recorder_seconds: float = 0.0  # in the code of breakpoints, while the program was stopped
    left_to_gdb: int = 0  # stacks that only gdb's own unwinder could read
    # What the recorder asked for, in numbers that do not depend on the host's speed.
    memory_reads: int = 0  # of stack memory
    addresses_resolved: int = 0  # different pcs whose call frame rule was looked up
    gdb_frames: int = 0  # frames of gdb that were read


Record = Union[
    HeaderRecord,
    MilestoneRecord,
    ThreadRecord,
    FrameRecord,
    StackRecord,
    StopRecord,
    RepeatRecord,
    ReturnRecord,
    IoctlRecord,
    IoctlReturnRecord,
    KvmExitRecord,
    ExitResultRecord,
    ExitCountRecord,
    KernelTraceRecord,
    KernelStackRecord,
    KernelEventRecord,
    PointerRecord,
    PointerOriginRecord,
    AcceleratorRecord,
    SourceRecord,
    OutputRecord,
    ProgramExitRecord,
    NoteRecord,
    EndRecord,
]
