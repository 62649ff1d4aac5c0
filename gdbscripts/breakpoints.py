"""Which stops are worth a record, and what is read at each. No breakpoint here ever halts the program."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import Callable, Dict, List, Optional, Set, Tuple

import gdb

from gdbscripts import x86_64 as architecture
from gdbscripts.callsite import function_at, symbol_at
from gdbscripts.plan import AcceleratorTest, Plan, Step
from gdbscripts.recorder import Recorder
from gdbscripts.wire import Accelerator, Note, Return

THREAD_CREATE = "pthread_create"
_KVM_FILES = ("/dev/kvm", "anon_inode:kvm-")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_C_LIBRARY = re.compile(r"/(?:libc|libpthread|ld-musl)[^/]*$")


class Progress:
    """How often each step was reached, and whether it needs watching any longer."""

    def __init__(self, steps: List[Step]) -> None:
        self._steps = {step.name: step for step in steps}
        self._hits = {step.name: 0 for step in steps}
        self._threads: Set[Tuple[str, int]] = set()

    def wants(self, step: Step, thread: int) -> bool:
        """Whether a hit of `step` on `thread` is to be recorded."""
        return not self.done(step) and not (step.per_thread and (step.name, thread) in self._threads)

    def count(self, step: Step, thread: int) -> int:
        """One more hit; returns how many there are now."""
        self._hits[step.name] += 1
        self._threads.add((step.name, thread))
        return self._hits[step.name]

    def done(self, step: Step) -> bool:
        """Whether no further hit of `step` is wanted."""
        hits = self._hits[step.name]
        if hits >= step.limit:
            return True
        return bool(step.as_often_as) and 0 < self._hits[step.as_often_as] <= hits


class StepBreakpoint(gdb.Breakpoint):
    """Records the steps that one function realises."""

    def __init__(
        self, where: str, function: str, steps: List[Step], progress: Progress, recorder: Recorder,
        accelerators: List[AcceleratorTest],
    ) -> None:  # fmt: skip
        # Not internal: at the first instruction of an inlined function gdb shows that function's frame only
        # for breakpoints of the user (stopped_by_user_bp_inline_frame in gdb's infrun.c).
        super().__init__(where)
        self._function = function
        self._steps = steps
        self._progress = progress
        self._recorder = recorder
        self._accelerators = accelerators

    def stop(self) -> bool:
        """Called by gdb at each hit."""
        thread = gdb.selected_thread().num
        wanted = [step for step in self._steps if self._progress.wants(step, thread)]
        request = _IoctlCall.here() if any(step.request for step in wanted) else None
        reached = [step for step in wanted if not step.request or (request and request.asks(step))]
        if reached:
            self._record(reached, request, thread)
        if all(self._progress.done(step) for step in self._steps):
            self.enabled = False
        return False

    def _record(self, reached: List[Step], request: Optional[_IoctlCall], thread: int) -> None:
        reason = "break" if all(step.name.startswith("break ") for step in reached) else "milestone"
        details = request.details() if request else {}
        names = [step.name for step in reached]
        number = self._recorder.stop(reason, names, self._function, **details)
        if any(step.returns for step in reached):
            ReturnBreakpoint.arm(number, self._recorder)
        for step in reached:
            hits = self._progress.count(step, thread)
            if step.shows_accelerator and hits == 1:
                _record_accelerator(self._accelerators, self._recorder)
            if hits == step.limit and step.limit > 1:
                self._recorder.write(Note("%s: no more than %d stops recorded" % (step.name, hits)))


class _IoctlCall:
    """The call of `ioctl` the selected thread is about to make."""

    def __init__(self, fd: int, request: int, file: str) -> None:
        self.fd = fd
        self.request = request
        self.file = file

    @classmethod
    def here(cls) -> _IoctlCall:
        frame = gdb.newest_frame()
        fd = architecture.argument(frame, 0) & 0xFFFFFFFF
        request = architecture.argument(frame, 1) & 0xFFFFFFFF
        return cls(fd, request, _file_behind(fd))

    def asks(self, step: Step) -> bool:
        return self.request == step.request and self.file.startswith(_KVM_FILES)

    def details(self) -> Dict[str, object]:
        return {"fd": self.fd, "file": self.file, "request": self.request}


class ThreadCreateBreakpoint(gdb.Breakpoint):
    """Records who creates which thread."""

    def __init__(self, recorder: Recorder, where: str) -> None:
        super().__init__(where, internal=True)
        self._recorder = recorder

    def stop(self) -> bool:
        """Called by gdb at each hit."""
        frame = gdb.newest_frame()
        name, file = _name_at(architecture.argument(frame, 2))
        number = self._recorder.stop("thread-create", [], THREAD_CREATE, starts=name, starts_file=file)
        ReturnBreakpoint.arm(number, self._recorder, handle_at=architecture.argument(frame, 0))
        return False


class ReturnBreakpoint(gdb.Breakpoint):
    """Records what a call gave back, when its thread comes to the return address."""

    @classmethod
    def arm(cls, stop: int, recorder: Recorder, handle_at: int = 0) -> None:
        """Wait for the selected thread's innermost function to return."""
        caller = gdb.newest_frame().older()
        if caller is not None:
            cls(caller, stop, recorder, handle_at)

    def __init__(self, caller: gdb.Frame, stop: int, recorder: Recorder, handle_at: int) -> None:
        super().__init__("*0x%x" % caller.pc(), internal=True)
        self.thread = gdb.selected_thread().global_num
        self._stack_pointer = _stack_pointer(caller)
        self._stop = stop
        self._recorder = recorder
        self._handle_at = handle_at

    def stop(self) -> bool:
        """Called by gdb at each hit."""
        frame = gdb.newest_frame()
        if _stack_pointer(frame) < self._stack_pointer:  # a deeper activation returns first
            return False
        handle = _read_pointer(self._handle_at) if self._handle_at else ""
        self._recorder.write(Return(self._stop, architecture.result(frame), handle))
        self.enabled = False
        gdb.post_event(self.delete)  # a breakpoint must not delete itself while it is asked to stop
        return False


def set_breakpoints(plan: Plan, recorder: Recorder) -> Dict[str, List[str]]:
    """Set all breakpoints of `plan`; returns for each function's name where the program defines it.

    The value is a list of absolute source files, empty when the program has no such function. Functions of
    the C library are found once it is loaded.
    """
    progress = Progress(plan.steps)
    by_function: Dict[str, List[Step]] = {}
    for step in plan.steps:
        for function in step.functions:
            by_function.setdefault(function, []).append(step)
    found: Dict[str, List[str]] = {}
    for function, steps in by_function.items():
        if all(step.request for step in steps):
            found[function] = []
            _when_loaded(function, partial(_watch, function, steps, progress, recorder, plan))
            continue
        breakpoint_ = _watch(function, steps, progress, recorder, plan, where=function)
        if breakpoint_.pending:
            breakpoint_.delete()
        else:
            found[function] = _files_of(function)
    if plan.thread_starts:
        _when_loaded(THREAD_CREATE, partial(ThreadCreateBreakpoint, recorder))
    return found


def _watch(
    function: str, steps: List[Step], progress: Progress, recorder: Recorder, plan: Plan, where: str
) -> StepBreakpoint:
    return StepBreakpoint(where, function, steps, progress, recorder, plan.accelerators)


def _when_loaded(function: str, create: Callable[..., gdb.Breakpoint]) -> None:
    """Call `create(where=location)` once the library with `function` is there: its very first instruction.

    A breakpoint by name would stop behind the prologue, where argument registers may be in use already.
    """

    def look(event: gdb.NewObjFileEvent) -> None:
        # Asking costs 5 ms each time, so not for every library.
        if not _C_LIBRARY.search(event.new_objfile.filename or ""):
            return
        address = _address_of(function)
        if address and gdb.solib_name(address):
            create(where="*0x%x" % address)
            gdb.events.new_objfile.disconnect(look)

    address = _address_of(function)
    symbol = symbol_at(address) if address else None
    if symbol is not None and not symbol[2].startswith(".plt"):
        create(where=function)  # linked statically
    else:
        gdb.events.new_objfile.connect(look)


def _address_of(function: str) -> int:
    try:
        # Evaluating `&function` would give the same, a hundred times slower.
        answer = gdb.execute("info address %s" % function, to_string=True)
    except gdb.error:
        return 0
    match = _ADDRESS.search(answer)
    return int(match[0], 16) if match else 0


def _files_of(function: str) -> List[str]:
    _, locations = gdb.decode_line(function)
    files = {sal.symtab.fullname() for sal in locations or () if sal.symtab is not None}
    return sorted(files)


def _name_at(address: int) -> Tuple[str, str]:
    """(name, source file) of the function at `address`; the file is "" without debug information."""
    function = function_at(address)
    if function is not None:
        return str(function.name), str(function.symtab.fullname())
    symbol = symbol_at(address)
    return (symbol[0] if symbol else hex(address)), ""


def _file_behind(fd: int) -> str:
    try:
        return os.readlink("/proc/%d/fd/%d" % (gdb.selected_inferior().pid, fd))
    except OSError:
        return ""


def _record_accelerator(tests: List[AcceleratorTest], recorder: Recorder) -> None:
    for test in tests:
        try:
            value = gdb.parse_and_eval(test.expression)
            running = bool(int(value))
        except (gdb.error, ValueError):
            continue
        if running:
            evidence = "%s is %s" % (test.expression, value.format_string())
            recorder.write(Accelerator(test.name, evidence))
            return
    recorder.write(Accelerator("unknown", "none of the expressions of the scenario can be read"))


def _stack_pointer(frame: gdb.Frame) -> int:
    return int(frame.read_register(architecture.STACK_POINTER))


def _read_pointer(address: int) -> str:
    try:
        raw = gdb.selected_inferior().read_memory(address, 8)
    except gdb.MemoryError:
        return ""
    return hex(int.from_bytes(bytes(raw), "little"))
