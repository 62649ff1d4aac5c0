"""The facts of the host that figures depend on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from analyzer.adapters.elf import build_id_of
from analyzer.build.provenance import provenance_of


def host_facts(qemu: Path) -> dict[str, str]:
    """Facts by name: processor, memory, kernel, gdb, Python, the QEMU and how it was built, and the time, UTC."""
    build = provenance_of(qemu, build_id_of(qemu))
    version = _first_line("gdb", "--version")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="minutes"),
        "processor": _processor(),
        "processors": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "gdb": version.rpartition(" ")[2],
        "perf": _first_line("perf", "--version").removeprefix("perf version ") or "not installed",
        "Python": platform.python_version(),
        "QEMU": str(
            build.get("version") or _first_line(str(qemu), "--version").removeprefix("QEMU emulator version ")
        ),
        "QEMU's profile": str(build.get("profile", "unknown")),
        "QEMU's compiler": str(build.get("compiler", "unknown")),
    }


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout.partition("\n")[0].strip()
