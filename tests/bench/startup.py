"""Wall time and peak memory of `analyze startup` beside a plain gdb script that stops at the same functions.

Both run in turn, several times; what counts is the ratio of the medians. QEMU names the binary.
"""

from __future__ import annotations

import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from analyzer.recording.reader import read_recording

ROUNDS = int(os.environ.get("ROUNDS", "5"))
TARGET = 1.5


def main() -> int:
    """Exit status 1 when the target is missed."""
    qemu = os.environ["QEMU"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        analyze = [str(Path(sys.executable).with_name("analyze")), "startup", "--qemu", qemu]
        # What the script does as well; pointers, ledger and kernel are more than it could.
        analyze += ["--no-pointers", "--no-ioctls", "--no-kernel"]
        once([*analyze, "--out", str(folder / "model")])
        script = gdb_script(folder / "model", folder)
        plain = ["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-x", str(script), qemu]
        once(plain)
        ours, theirs, memory = [], [], {}
        for number in range(ROUNDS):
            seconds, peaks = once([*analyze, "--out", str(folder / str(number))])
            ours.append(seconds)
            for process, kib in peaks.items():
                memory[process] = max(memory.get(process, 0), kib)
            theirs.append(once(plain)[0])
        backtraces = len(re.findall("^#0 ", (folder / "plain.out").read_text(), re.MULTILINE))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"rounds: {ROUNDS}; backtraces in one: {backtraces} (gdb script)")
    print(f"analyze startup, report included: median {statistics.median(ours):.2f} s of {spread(ours)}")
    print(f"plain gdb script with bt:         median {statistics.median(theirs):.2f} s of {spread(theirs)}")
    print(f"ratio {ratio:.2f} (target: at most {TARGET})")
    for process, kib in sorted(memory.items()):
        print(f"peak memory of {process}: {kib / 1024:.0f} MiB")
    return int(ratio > TARGET)


def gdb_script(model: Path, folder: Path) -> Path:
    """Breakpoints on what our recording stopped at, `bt` at each, the same command line."""
    recording = read_recording(model)
    stops = [stop for stop in recording.stops if stop.ioctl is None]
    functions = sorted({stop.function for stop in stops})
    requests = {"KVM_CREATE_VM": 0xAE01, "KVM_CREATE_VCPU": 0xAE41, "KVM_RUN": 0xAE80}
    lines = ["set pagination off", "set breakpoint pending on", "handle all nostop noprint pass"]
    for number, function in enumerate(functions, 1):
        lines += [f"break {function}", f"commands {number}", "silent", "bt", "continue", "end"]
    number = len(functions) + 1
    for request in requests.values():
        # KVM_RUN once, as we do it; gdb's own way to that is a temporary breakpoint
        lines += [f"tbreak ioctl if $esi == {request}", f"commands {number}", "silent", "bt", "continue", "end"]
        number += 1
    command = list(recording.header.command)
    command[command.index("-serial") + 1] = f"file:{folder / 'plain.serial'}"
    lines += [f"run {shlex.join(command[1:])} </dev/null >{folder / 'plain.stdout'} 2>&1"]
    script = folder / "plain.gdb"
    script.write_text("\n".join(lines) + "\n")
    return script


def once(command: list[str]) -> tuple[float, dict[str, int]]:
    """(wall seconds, peak resident KiB by process name) of one run."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        watcher = Watcher(process.pid)
        watcher.start()
        status = process.wait()
        seconds = time.monotonic() - started
        watcher.join()
        out.seek(0)
        text = out.read()
    if command[0] == "gdb":
        script = Path(command[command.index("-x") + 1])
        script.with_suffix(".out").write_text(text)
    assert status == 0, text
    return seconds, watcher.peaks


class Watcher(threading.Thread):
    """Notes the peak memory (VmHWM) of a process and its children, ours and gdb's."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.peaks: dict[str, int] = {}

    def run(self) -> None:
        while self._look(self._pid):
            for child in self._children():
                self._look(child)
            time.sleep(0.02)

    def _children(self) -> list[int]:
        try:
            text = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
        except OSError:
            return []
        return [int(pid) for pid in text.split()]

    def _look(self, pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False
        name = re.search(r"^Name:\s+(.*)$", status, re.MULTILINE)
        peak = re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
        if name and peak and name[1] in ("analyze", "gdb", "python", "python3"):
            known = self.peaks.get(name[1], 0)
            self.peaks[name[1]] = max(known, int(peak[1]))
        return peak is not None


def spread(values: list[float]) -> str:
    """The values, sorted."""
    return ", ".join(f"{value:.2f}" for value in sorted(values))


if __name__ == "__main__":
    sys.exit(main())
