"""`make bench`: wall time and peak memory of `analyze startup`, and of a gdb script with the same stops.

Both run in turn, ROUNDS times; the result is the ratio of the median times. QEMU is the path of the program.
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
    """Run both and print the figures; returns 1 when the ratio is above TARGET, else 0."""
    qemu = os.environ["QEMU"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        analyze = [str(Path(sys.executable).with_name("analyze")), "startup", "--qemu", qemu]
        # without pointers, the ioctl log and kernel stacks, which the gdb script does not record
        analyze += ["--no-pointers", "--no-ioctls", "--no-kernel"]
        once([*analyze, "--out", str(folder / "first")])
        script = gdb_script(folder / "first", folder)
        plain = ["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-x", str(script), qemu]
        once(plain)
        analyze_seconds, gdb_seconds, memory = [], [], {}
        for number in range(ROUNDS):
            seconds, peaks = once([*analyze, "--out", str(folder / str(number))])
            analyze_seconds.append(seconds)
            for process, kib in peaks.items():
                memory[process] = max(memory.get(process, 0), kib)
            gdb_seconds.append(once(plain)[0])
        backtraces = len(re.findall("^#0 ", (folder / "plain.out").read_text(), re.MULTILINE))
    analyze_median, gdb_median = statistics.median(analyze_seconds), statistics.median(gdb_seconds)
    ratio = analyze_median / gdb_median
    print(f"rounds: {ROUNDS}; backtraces in one: {backtraces} (gdb script)")
    print(f"analyze startup, report included: median {analyze_median:.2f} s of {spread(analyze_seconds)}")
    print(f"plain gdb script with bt:         median {gdb_median:.2f} s of {spread(gdb_seconds)}")
    print(f"ratio {ratio:.2f} (target: at most {TARGET})")
    for process, kib in sorted(memory.items()):
        print(f"peak memory of {process}: {kib / 1024:.0f} MiB")
    return int(ratio > TARGET)


def gdb_script(output: Path, folder: Path) -> Path:
    """Write a gdb script with breakpoints and `bt` at the stops of the recording in `output`; returns its path."""
    recording = read_recording(output)
    stops = [stop for stop in recording.stops if stop.ioctl is None]
    functions = sorted({stop.function for stop in stops})
    requests = {"KVM_CREATE_VM": 0xAE01, "KVM_CREATE_VCPU": 0xAE41, "KVM_RUN": 0xAE80}
    lines = ["set pagination off", "set breakpoint pending on", "handle all nostop noprint pass"]
    for number, function in enumerate(functions, 1):
        lines += [f"break {function}", f"commands {number}", "silent", "bt", "continue", "end"]
    number = len(functions) + 1
    for request in requests.values():
        # temporary: the recording stops only once at each request, too
        lines += [f"tbreak ioctl if $esi == {request}", f"commands {number}", "silent", "bt", "continue", "end"]
        number += 1
    command = list(recording.header.command)
    command[command.index("-serial") + 1] = f"file:{folder / 'plain.serial'}"
    lines += [f"run {shlex.join(command[1:])} </dev/null >{folder / 'plain.stdout'} 2>&1"]
    script = folder / "plain.gdb"
    script.write_text("\n".join(lines) + "\n")
    return script


def once(command: list[str]) -> tuple[float, dict[str, int]]:
    """Run the command; returns its wall time in seconds and the peak memory in KiB of each process by name."""
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
    """Reads the peak memory (VmHWM) of a process and its children, of analyze, gdb and Python."""

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
    """The values in seconds, sorted, as text."""
    return ", ".join(f"{value:.2f}" for value in sorted(values))


if __name__ == "__main__":
    sys.exit(main())
