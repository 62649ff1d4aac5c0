"""Prints its process id, waits for a line, runs a KVM guest in a thread and prints its ioctls as JSON."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time

from analyzer.adapters import kvm_device

calls: list[dict[str, float]] = []
real_ioctl = fcntl.ioctl


def noted_ioctl(fd, request, argument=0):
    moment = time.monotonic()
    calls.append({"tid": threading.get_native_id(), "fd": fd, "request": request, "time": moment})
    return real_ioctl(fd, request, argument)


print(os.getpid(), flush=True)
sys.stdin.readline()
fcntl.ioctl = noted_ioctl
thread = threading.Thread(target=kvm_device.run_test_guest)
thread.start()
thread.join()
print(json.dumps(calls))
