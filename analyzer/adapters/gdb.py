"""Controls one gdb process through GDB/MI. An answer is matched to its command by token.

`mi_records` reads the records; pygdbmi's controller is not used, because it waits 0.2 s after each answer.
"""

from __future__ import annotations

import itertools
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from analyzer.adapters.gdb_process import INSTALL_HINT, start_gdb, unusable_error
from analyzer.adapters.gdb_stops import Stopped, stop_at
from analyzer.adapters.gdb_watch import GdbWatch
from analyzer.adapters.mi_records import parse_record, started_process, text_in
from analyzer.adapters.run_processes import RunMark, RunProcess, end_processes, forked_processes
from analyzer.adapters.symbol_index import SymbolFile, SymbolIndex
from analyzer.adapters.traced_process import ProcessEnd, signal_name
from analyzer.errors import AnalyzerError
from analyzer.files import scratch_folder

BOOTSTRAP = Path(__file__).resolve().parents[2] / "gdbscripts" / "bootstrap.py"
PTRACE_HINT = "In a container add --cap-add=SYS_PTRACE; on the host see /proc/sys/kernel/yama/ptrace_scope."
_START_TIMEOUT = 30.0  # seconds
_LOAD_TIMEOUT = 300.0  # seconds; a debug build of QEMU takes a fraction of one
_DETACH_TIMEOUT = 30.0  # seconds; a hundredth of one is usual
_FORGET_TIMEOUT = 5.0  # seconds
_WATCH_INTERVAL = 0.25  # seconds between looks at gdb and its program


class GdbError(AnalyzerError):
    """gdb answers `^error`, does not answer in time, or has ended."""


class GdbLostError(GdbError):
    """gdb has ended or is given up: it answers nothing any more."""


@dataclass(frozen=True)
class GdbFacts:
    """Versions of gdb and of its Python, as reported by `-chain-hello`."""

    version: str
    python: str


class Gdb:
    """A gdb process that debugs one program. Leaving the context manager ends gdb and the program.

    With `attaches`, gdb is to attach to a process, which goes on when gdb ends: gdb detaches from it, also when
    this process is killed.

    The constructor does not wait: gdb starts and reads the symbols of `program` (a third of a second for QEMU)
    while the caller goes on. The first command waits for that and raises what failed.
    `log` holds the last 200 texts that gdb printed for people; `program_pid` is 0 until the program runs.
    """

    def __init__(self, program: Path | None = None, gdb: str | None = None, attaches: bool = False) -> None:
        self._executable = gdb or shutil.which("gdb")
        self._attaches = attaches
        self._mark = RunMark.new()
        self._process = start_gdb(self._executable, attaches, self._mark) if self._executable else None
        self._program = program
        # after gdb is started, which takes longer than to verify the indexes
        self._index = SymbolIndex.of(program, self._executable) if program and self._executable else None
        self._symbol_files: list[SymbolFile] = []
        self._selector = selectors.DefaultSelector()
        self._partial_line = b""
        self._lines: deque[bytes] = deque()
        self._tokens = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self._stopped: deque[Stopped] = deque()
        self._facts: GdbFacts | None = None
        self._watch = GdbWatch(self._process.pid if self._process else 0)
        self._scratch = ExitStack()  # folders that gdb needs until it ends
        self.log: deque[str] = deque(maxlen=200)  # for error messages
        self.program_pid = 0
        self._problem = ""  # why gdb is given up
        self._handshake_tokens = self._send_handshake() if self._process else {}

    def __enter__(self) -> Gdb:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def facts(self) -> GdbFacts:
        """Versions of gdb and Python; waits for gdb to start.

        Raises AnalyzerError when gdb is missing, too old, without Python, or its scripts have another schema.
        """
        if self._facts is None:
            self._facts = self._finish_handshake()
            if self._index is not None:
                self._check_index(self._read_symbol_files())
        return self._facts

    def command(self, text: str, timeout: float = 60.0) -> dict[str, Any]:
        """Send one MI command and return the result of its answer `^done` or `^running` ({} without one).

        Raises GdbError with gdb's message on `^error`, when gdb has ended, and after `timeout` seconds.
        """
        assert self.facts
        return self._answer(self._send(text), text.split(maxsplit=1)[0], timeout)

    def console(self, text: str, timeout: float = 60.0) -> dict[str, Any]:
        """Run a CLI command of gdb; arguments, result and errors as `command`."""
        return self.command(_console(text), timeout)

    def use_debug_files(self, links: Mapping[str, Path]) -> None:
        """Load the program again, with separate debug files; does nothing without `links`.

        `links`: a name in gdb's debug-file-directory, and the file that gdb finds there. GdbError as `command`.
        """
        if not links:
            return
        # gdb opens the files again while it reads symbols: the folder stays until gdb ends
        folder = self._scratch.enter_context(scratch_folder())
        for name, file in links.items():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.absolute())
        self.command(f"-gdb-set debug-file-directory {folder}")
        self._load_program()
        self._check_index(self._read_symbol_files())

    def note_symbol_files(self) -> list[str]:
        """Ask gdb for the files that it has read symbols from, whose indexes are kept for the next run.

        Returns the paths of those that it has read with an index of another file; usually none. To be called when
        the libraries are loaded. GdbError as `command`.
        """
        if self._index is None:
            return []
        self._symbol_files = self._read_symbol_files()
        return self._index.differing(self._symbol_files)

    def wait_stopped(self, timeout: float) -> Stopped | None:
        """The next stop of the program, None after `timeout` seconds without one.

        The end of the program counts, also when gdb has not noticed it. GdbLostError when gdb ends or hangs.
        """
        deadline = time.monotonic() + timeout
        while not self._stopped:
            if (end := self._watch.unnoticed_end) is not None:
                self._forget_program(end)
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._read(left)
        stopped = self._stopped.popleft()
        if not stopped.ended and (end := self._watch.program_end()) is not None:
            self._forget_program(end)
            return self._stopped.pop()
        return stopped

    def interrupt(self, timeout: float = 10.0) -> Stopped | None:
        """Interrupt the running program; None when it does not stop within `timeout` seconds."""
        self.command("-exec-interrupt --all")
        return self.wait_stopped(timeout)

    def attach(self, pid: int) -> None:
        """Attach to process `pid`, which stops; `-exec-continue` lets it run. GdbError when it is not possible."""
        self.command("-chain-attach")
        self.command(f"-target-attach {pid}", timeout=_LOAD_TIMEOUT)
        if self.wait_stopped(_START_TIMEOUT) is None:
            raise GdbError(f"process {pid} did not stop within {_START_TIMEOUT:.0f} s.")

    def detach(self) -> None:
        """Remove the breakpoints and detach from the process that `attach` attached to, also while it runs.

        Does nothing when gdb has no process. GdbError when gdb has ended or does not answer.
        """
        if any("pid" in group for group in self.command("-list-thread-groups")["groups"]):
            self.command("-target-detach", timeout=_DETACH_TIMEOUT)

    def forked_processes(self) -> list[RunProcess]:
        """The processes that the program forked and that go on after its end; `close` ends them."""
        return forked_processes(self._mark)

    def request_exit(self) -> None:
        """Send `-gdb-exit`, which ends the program and gdb, and do not wait; `close` waits."""
        with suppress(GdbError):
            self._send("-gdb-exit")

    def close(self) -> None:
        """End the program, what it forked, and gdb: by `-gdb-exit`, after two seconds by SIGKILL.

        A gdb that has attached gets longer: SIGKILL would leave its breakpoints in the process. One that was given
        up gets two seconds, in case it was only stopped.
        """
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.request_exit()
            if not _ends_within(self._process, _DETACH_TIMEOUT if self._attaches and not self._problem else 2.0):
                self._process.kill()  # the kernel kills the traced program with it (PTRACE_O_EXITKILL)
        self._process.wait()
        end_processes(self._mark)
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._scratch.close()
        if self._index is not None and self._symbol_files:
            if self._index.differing(self._symbol_files):
                self._index.discard()
            else:
                self._index.add_new(self._symbol_files)

    def _load_program(self) -> None:
        self.command(f"-file-exec-and-symbols {mi_string(str(self._program))}", _LOAD_TIMEOUT)

    def _read_symbol_files(self) -> list[SymbolFile]:
        files = self.command("-chain-symbol-files")["files"]
        return [SymbolFile(file["build-id"], file["path"], file["identity"]) for file in files]

    def _check_index(self, files: list[SymbolFile]) -> None:
        """Load the program again, without its index, if that was made of another debug file."""
        if self._index is not None and self._index.differing(files):
            self._index.discard()
            self._index = None
            self.console("set index-cache enabled off")
            self._load_program()

    def _send_handshake(self) -> dict[str, int]:
        """Send the first commands of every session; returns their tokens by name, {} when gdb has ended."""
        assert self._process is not None and self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        commands = {
            "async": "-gdb-set mi-async on",
            "source": _console(f"source {BOOTSTRAP}"),
            "hello": "-chain-hello",
        }
        if self._index is not None:
            commands["index"] = _console(f"set index-cache directory {self._index.folder}")
            commands["index on"] = _console("set index-cache enabled on")
        if self._program is not None:
            commands["load"] = f"-file-exec-and-symbols {mi_string(str(self._program))}"
        try:
            return {name: self._send(text) for name, text in commands.items()}
        except GdbError:  # gdb has ended: the first command reports it
            return {}

    def _finish_handshake(self) -> GdbFacts:
        """Wait for the answers to the first commands and check the schema of the gdb scripts."""
        from gdbscripts.records import SCHEMA  # so that gdb starts before that takes time

        if self._process is None or self._executable is None:
            raise AnalyzerError("gdb is not installed.", INSTALL_HINT)
        answers = {}
        try:
            for name, token in self._handshake_tokens.items():
                answers[name] = self._answer(token, name, _START_TIMEOUT if name != "load" else _LOAD_TIMEOUT)
            hello = answers["hello"]
        except (GdbError, KeyError) as error:
            message = error.message if isinstance(error, GdbError) else "it ended during start-up"
            raise unusable_error(self._executable, message, "".join(self.log)) from None
        if int(hello["schema"]) != SCHEMA:
            raise AnalyzerError(
                f"The gdb scripts have schema {hello['schema']}, this program has {SCHEMA}.",
                "Reinstall it: pip install --force-reinstall qemu-callchain.",
            )
        if "pid" in hello:  # what was started may be a script that runs gdb
            self._watch.watch(int(hello["pid"]))
        return GdbFacts(hello["gdb"], hello["python"])

    def _answer(self, token: int, name: str, timeout: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout
        while token not in self._answers:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._give_up(f"gdb did not answer {name} within {timeout:.0f} s.")
            self._read(left)
        answer = self._answers.pop(token)
        payload: dict[str, Any] = answer["payload"] or {}
        if answer["message"] == "error":
            raise GdbError(payload.get("msg", "unknown error").strip())
        return payload

    def _give_up(self, problem: str, hint: str = "") -> GdbLostError:
        """The error for a gdb that is of no use any more; all later commands raise it at once."""
        self._problem = problem
        return GdbLostError(problem, hint)

    def _forget_program(self, end: ProcessEnd) -> None:
        """Let gdb forget a program that has ended without its notice, and add that end to the stops.

        GdbLostError when it does not: it still waits for that program.
        """
        self._watch.program_ended()
        with suppress(GdbError):
            self.console("kill", _FORGET_TIMEOUT)
        if not any(stopped.ended for stopped in self._stopped):
            self._stopped.append(stop_at(end))

    def _send(self, command: str) -> int:
        """Send an MI command with the next token; returns the token. GdbError when gdb has ended."""
        assert self._process is not None and self._process.stdin is not None
        if self._problem and command != "-gdb-exit":
            raise GdbLostError(self._problem)
        token = next(self._tokens)
        try:
            self._process.stdin.write(os.fsencode(f"{token}{command}\n"))
        except (BrokenPipeError, ValueError):
            raise self._give_up(*self._how_it_ended()) from None
        self._watch.sent(token)
        return token

    def _read(self, timeout: float) -> None:
        ready = self._selector.select(min(timeout, _WATCH_INTERVAL))
        if self._watch.is_due():
            self._look_after_gdb()
        if not ready:
            return
        assert self._process is not None and self._process.stdout is not None
        chunk = os.read(self._process.stdout.fileno(), 1 << 16)
        if not chunk:
            raise self._give_up(*self._how_it_ended())
        self._watch.heard()
        *lines, self._partial_line = (self._partial_line + chunk).split(b"\n")
        self._lines.extend(lines)
        # Ctrl-C can interrupt between any two steps: a line is removed only after it is handled.
        while self._lines:
            text = self._lines[0].decode(errors="replace").rstrip("\r")
            self._handle_record(parse_record(text))
            self._lines.popleft()

    def _look_after_gdb(self) -> None:
        """Give gdb up when it hangs; ask for a sign of life when it owes no answer and has long been silent."""
        if problem := self._watch.look():
            raise self._give_up(problem)
        if self._facts is not None and self._watch.wants_sign_of_life():
            self._watch.sign_of_life(self._send("-list-features"))

    def _handle_record(self, response: dict[str, Any]) -> None:
        kind, message, payload = response["type"], response["message"], response["payload"]
        if kind == "result" and response.get("token") is not None:
            if self._watch.answered(response["token"]):
                self._answers[response["token"]] = response
        elif kind == "notify" and message == "stopped":
            # without a reason after the end of a program that was killed meanwhile
            self._stopped.append(
                Stopped(*(text_in(response, name) for name in ("reason", "signal-name", "new-exec")))
            )
        elif (pid := started_process(response)) is not None:
            self.program_pid = pid
            self._watch.program_started(pid)
        elif kind == "notify" and message == "thread-group-exited":
            self._watch.program_ended()
        elif kind in ("console", "log", "output") and isinstance(payload, str):
            self.log.append(payload)

    def _how_it_ended(self) -> tuple[str, str]:
        """(sentence, hint) on the end of gdb: the signal that killed it, else the end of its output."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        if self._process.returncode is not None and self._process.returncode < 0:
            return f"gdb was killed by {signal_name(-self._process.returncode)}.", ""
        said = " ".join("".join(self.log).split())[-400:]
        return "gdb ended unexpectedly.", f"Its last output: {said}" if said else ""


def _ends_within(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait until a process ends, at most `timeout` seconds; returns whether it has ended.

    `Popen.wait` with a time limit looks every 50 ms instead.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # Linux before 5.3
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
        return process.poll() is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            selector.select(timeout)
    finally:
        os.close(descriptor)
    return process.poll() is not None


def _console(text: str) -> str:
    return f"-interpreter-exec console {mi_string(text)}"


def mi_string(text: str) -> str:
    """`text` as a c-string of MI: in double quotes, with quotes, backslashes and line ends escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
