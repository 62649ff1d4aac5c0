"""The records of a recording, shared by both sides; `lines.py` writes and reads them.

A recording is one `Header`, then records in the order of events, then one `End`. No `End` means that the
recording was cut short. A frame is sent once and named by its number afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, List, Optional, Tuple, Union

# History of the format:
# 1  first
# 2  pointers, the ledger of ioctls, the kernel's side
# 3  stops are counted, calls of kind `call`: imported backtraces
SCHEMA = 3

IMPORT = "import"  # scenario of a recording that was read from a text
IO = "io"  # reason of a stop in a device's function, on behalf of the guest
STEPS = ("passed", "read", "stored", "copied", "written", "static", "returned")
STORE = "store"  # reason of a stop that shows who stored a pointer
SAMPLE = "sample"  # reason of a stop that was imported as one of many
KERNEL_LIBRARY = "kernel"  # the library an imported function of the kernel is in
UNKNOWN_NAME = "??"  # the function of a frame that nobody knows
SIGNAL = "<signal handler called>"
CUT = "<stack deeper than"  # begins the name of a frame that stands for all that were left out
BREAK = "break "  # begins the name of a milestone that the user asked for with --break

Arguments = List[Tuple[str, str]]  # (name, value as gdb prints it), in the order of the declaration


@dataclass(frozen=True)
class HeaderRecord:
    """Where the recording comes from."""

    TAG: ClassVar[str] = "header"
    schema: int
    tool: str  # name and version of this program
    created: str  # ISO 8601, UTC
    scenario: str
    command: List[str]  # to repeat by hand: the serial port, recorded through a file, goes to stdio
    guest: str  # "tiny", or the path of the user's image or kernel
    accelerator_asked: str
    qemu: str  # absolute path of the binary
    qemu_version: str
    build_id: str  # hexadecimal; "" when the binary has none
    gdb_version: str
    host: str  # kernel release and machine
    build: Dict[str, Any] = field(default_factory=dict)  # the content of build.json, when there is one
    qemu_arguments: List[str] = field(default_factory=list)  # the user's own: the end of `command`


@dataclass(frozen=True)
class MilestoneRecord:
    """One step the scenario waits for, and what the program says it has of it."""

    TAG: ClassVar[str] = "milestone"
    name: str
    title: str
    required: bool
    found: List[str]  # functions of the program that realise this step
    missing: List[str]  # alternatives the program does not have
    files: List[str] = field(default_factory=list)  # absolute source files of `found`
    request: str = ""  # an ioctl's request name, when the step is one request
    about: str = ""  # what happens here, for the report
    target: bool = False  # a chain of its own leads here in the report


@dataclass(frozen=True)
class ThreadRecord:
    """A thread; sent again when its name changes, the last record counts."""

    TAG: ClassVar[str] = "thread"
    number: int  # gdb's number, from 1
    tid: int
    name: str
    handle: str = ""  # its pthread_t in hexadecimal, to find who created it


@dataclass(frozen=True)
class FrameRecord:
    """One place in the code a stack can pass through. Arguments belong to the stop, not to the frame."""

    TAG: ClassVar[str] = "frame"
    number: int  # from 0
    function: str  # "??" when gdb knows none
    kind: str  # normal, inline, tail, signal, other
    pc: int
    file: str = ""  # absolute, or as the debug information of a library has it
    line: int = 0
    library: str = ""  # path of the shared library the code is in; "" for the program itself
    addressed: bool = True  # gdb prints the address: the pc is not at the beginning of a line
    call: str = ""  # how this frame calls the inner one: direct, indirect, call, tail, inline, signal, unknown
    instruction: str = ""  # the call as disassembled
    # Functions between this one and the inner one that left no frame, since they went on by a jump: the one
    # called first; name, absolute source file and library of each. `call` is how the last one came to the inner.
    via: List[List[str]] = field(default_factory=list)


@dataclass(frozen=True)
class StopRecord:
    """A thread's stack at one moment."""

    TAG: ClassVar[str] = "stop"
    number: int  # from 0
    time: float  # seconds since the program was started
    thread: int
    reason: str  # milestone, break, thread-create, where
    milestones: List[str]
    function: str  # the function that was waited for; "" for reason `where`
    frames: List[int]  # innermost first
    arguments: List[Arguments]  # one list for each frame
    fd: int = -1  # ioctl only: the descriptor, the file behind it, the request
    file: str = ""
    request: int = 0
    starts: str = ""  # thread-create only: the new thread's start function and its source file
    starts_file: str = ""
    starts_library: str = ""  # the library it is in
    exit: int = -1  # io only: the exit that is being handled
    count: int = 1  # how many equal stacks this one stands for


@dataclass(frozen=True)
class ReturnRecord:
    """What the call recorded in stop `stop` gave back."""

    TAG: ClassVar[str] = "return"
    stop: int
    value: int
    handle: str = ""  # thread-create only: the new pthread_t in hexadecimal


@dataclass(frozen=True)
class IoctlRecord:
    """One ioctl on a descriptor of KVM, in the order made."""

    TAG: ClassVar[str] = "ioctl"
    number: int  # from 0
    time: float  # seconds since the program was started
    thread: int
    fd: int
    file: str  # behind the descriptor, as /proc says
    request: int
    argument: int
    data: str  # the beginning of what the argument points to, in hexadecimal; "" for a plain number
    frames: List[int]  # innermost first; none when the same call was recorded often before


@dataclass(frozen=True)
class IoctlReturnRecord:
    """What an ioctl gave back."""

    TAG: ClassVar[str] = "ioctl-return"
    number: int
    value: int  # of the system call: a negative errno when it failed
    data: str  # as `Ioctl.data`, "" when the kernel did not change it


@dataclass(frozen=True)
class KvmExitRecord:
    """KVM_RUN came back with something for the program to do."""

    TAG: ClassVar[str] = "vcpu-exit"
    number: int  # from 0
    ioctl: int  # number of the KVM_RUN
    time: float  # seconds since the program was started
    thread: int
    run: str  # the beginning of struct kvm_run, in hexadecimal
    data: str  # what the guest writes to a port, in hexadecimal


@dataclass(frozen=True)
class ExitResultRecord:
    """What the guest was given to read, in hexadecimal."""

    TAG: ClassVar[str] = "exit-answer"
    number: int
    data: str


@dataclass(frozen=True)
class ExitCountRecord:
    """How many exits there were of one reason, recorded or not."""

    TAG: ClassVar[str] = "exit-count"
    reason: int  # KVM_EXIT_… of linux/kvm.h
    count: int


@dataclass(frozen=True)
class KernelTraceRecord:
    """Whether the kernel's side was recorded."""

    TAG: ClassVar[str] = "kernel"
    recorded: bool
    reason: str  # why not, and what would allow it
    lost: int = 0  # events that did not fit into the kernel's buffers
    unclaimed: int = 0  # ioctls on KVM's descriptors that the kernel saw and the recording lacks


@dataclass(frozen=True)
class KernelStackRecord:
    """The way from the ioctl system call inward to an event."""

    TAG: ClassVar[str] = "kernel-stack"
    number: int  # from 0
    functions: List[str]  # outermost first


@dataclass(frozen=True)
class KernelEventRecord:
    """A tracepoint passed while the kernel served an ioctl."""

    TAG: ClassVar[str] = "kernel-event"
    ioctl: int
    time: float  # seconds since the program was started
    name: str
    text: str
    stack: int  # -1 when the kernel took none
    count: int = 1  # how often it was passed in this ioctl, with this stack


@dataclass(frozen=True)
class PointerRecord:
    """What is known of the pointer an indirect call went through."""

    TAG: ClassVar[str] = "pointer"
    number: int  # from 0
    returns: List[int]  # `pc` of the caller's frame and of those outside it, inlined ones left out
    callee: str  # `function` of the frame that was reached
    kind: str  # member, static, global, argument, local, unknown
    slot: str  # `AccelClass.init_machine`; "" when it has no name
    address: int  # of the slot; 0 when the pointer was in no slot of its own
    value: int
    target: str  # the function at `value`
    outcome: str  # explained, not reproduced, unknown
    reason: str = ""  # why it is not explained
    # `target` and others, when they jumped on: as `Frame.via`
    leads: List[List[str]] = field(default_factory=list)


@dataclass(frozen=True)
class PointerOriginRecord:
    """A step back from a call through a pointer to where the pointer was set; that nearest to the call first."""

    TAG: ClassVar[str] = "pointer-step"
    pointer: int
    what: str  # one of STEPS
    name: str  # of the parameter passed, the slot, the table, the function that returned it
    function: str = ""
    file: str = ""
    line: int = 0
    library: str = ""
    address: int = 0
    stop: int = -1  # stored, copied: the stop that shows it


@dataclass(frozen=True)
class AcceleratorRecord:
    """Which accelerator runs, as QEMU itself says."""

    TAG: ClassVar[str] = "accelerator"
    name: str
    evidence: str


@dataclass(frozen=True)
class SourceRecord:
    """A few lines of a source file, so that a report needs no source tree."""

    TAG: ClassVar[str] = "source"
    file: str  # as in `Frame.file`
    first: int  # number of the first line
    lines: List[str]


@dataclass(frozen=True)
class OutputRecord:
    """What the guest or QEMU printed."""

    TAG: ClassVar[str] = "output"
    stream: str  # serial, stdout, stderr
    text: str


@dataclass(frozen=True)
class ProgramExitRecord:
    """How the program ended; both fields empty when the recorder ended it."""

    TAG: ClassVar[str] = "exit"
    status: Optional[int] = None
    signal: str = ""


@dataclass(frozen=True)
class NoteRecord:
    """Something the reader should know."""

    TAG: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class EndRecord:
    """The footer."""

    TAG: ClassVar[str] = "end"
    outcome: str  # complete, incomplete, interrupted
    reason: str
    frames: int
    stops: int


Record = Union[
    HeaderRecord,
    MilestoneRecord,
    ThreadRecord,
    FrameRecord,
    StopRecord,
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
