"""How a process has ended and what it does, read from /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from analyzer.adapters.traced_process import ProcessEnd, activity_of, end_of, signal_name


def wait_for_end(pid: int) -> ProcessEnd | None:
    deadline = time.monotonic() + 20
    while (end := end_of(pid)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return end


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_process_that_nobody_has_waited_for_tells_its_signal(number):
    process = subprocess.Popen(["sleep", "60"])
    assert end_of(process.pid) is None
    process.send_signal(number)
    assert wait_for_end(process.pid) == ProcessEnd(number)
    process.wait()
    assert end_of(process.pid) == ProcessEnd()


def test_a_process_that_exits_tells_its_status():
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    assert wait_for_end(process.pid) == ProcessEnd(status=7)
    process.wait()


def test_a_process_whose_main_thread_alone_has_ended_is_alive():
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=lambda: print('go', flush=True) or time.sleep(60)).start()\n"
        "ctypes.CDLL(None).pthread_exit(None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 20
        while activity_of(process.pid).state != "Z" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert end_of(process.pid) is None
        process.kill()
        assert wait_for_end(process.pid) == ProcessEnd(signal.SIGKILL)


def test_what_a_process_does_is_its_state_and_its_computation():
    process = subprocess.Popen(["sleep", "60"])
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    assert activity_of(process.pid).state == "T"
    process.kill()
    process.wait()
    assert activity_of(process.pid) is None
    before = activity_of(os.getpid()).cpu
    deadline = time.process_time() + 0.3
    while time.process_time() < deadline:
        pass
    assert activity_of(os.getpid()).cpu > before


def test_signals_have_names():
    assert signal_name(9) == "SIGKILL"
    assert signal_name(40) == "signal 40"
