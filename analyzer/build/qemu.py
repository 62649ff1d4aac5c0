"""Builds QEMU from the distribution's source package, once; afterwards the cache answers."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.elf import read_elf
from analyzer.build.apt import fetch_source
from analyzer.build.options import choose_options
from analyzer.errors import AnalyzerError

BINARY = "qemu-system-x86_64"
CERTIFICATE = "build.json"
_STEP = re.compile(r"^\[(\d+)/(\d+)\]")
# The system's own tools: a Python from elsewhere that comes first in PATH may lack what QEMU's build needs.
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Cache:
    """Where sources and builds are kept."""

    folder: Path

    @classmethod
    def default(cls) -> Cache:
        """Below $XDG_CACHE_HOME, else ~/.cache."""
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(base).expanduser() / "qemu-callchain")

    @property
    def build(self) -> Path:
        """The distribution's QEMU: `source`, `build` and `build.json`."""
        return self.folder / "qemu-distribution"

    @property
    def binary(self) -> Path:
        """Where the finished binary lies."""
        return self.build / "build" / BINARY


def provide_qemu(cache: Cache, tell: Tell) -> Path:
    """The path of a QEMU with debug information, built when the cache has none.

    `tell` gets a line about each step. Raises AnalyzerError with the log's path when a step fails.
    """
    cache.build.mkdir(parents=True, exist_ok=True)
    with _lock(cache.folder / "lock", tell):
        if not (cache.binary.exists() and cache.binary.with_name(CERTIFICATE).exists()):
            _build(cache, tell)
    return cache.binary


def _build(cache: Cache, tell: Tell) -> None:
    started = time.monotonic()
    log = cache.build / "build.log"
    tell("Fetching QEMU's source package from the distribution")
    description = fetch_source("qemu", cache.build)
    source, build = cache.build / "source", cache.build / "build"
    if not (source / "configure").exists():
        shutil.rmtree(source, ignore_errors=True)
        tell(f"Unpacking {description.name}")
        _run(["dpkg-source", "-x", str(description), str(source)], cache.build, log)
    build.mkdir(exist_ok=True)
    options = _configure_line(source, log)
    tell("Configuring: " + " ".join(options))
    _run([str(source / "configure"), *options], build, log)
    _compile(build, log, tell)
    _drop_objects(build)
    _write_certificate(cache.binary, description, options, time.monotonic() - started, log)
    tell(f"Built {cache.binary} in {time.monotonic() - started:.0f} s")


def _configure_line(source: Path, log: Path) -> list[str]:
    options = choose_options(_run([str(source / "configure"), "--help"], source, log))
    meson = shutil.which("meson", path=_PATH)
    if not (source / "meson" / "meson.py").exists() and meson and _offers_meson(source):
        options.append(f"--meson={meson}")
    return options


def _offers_meson(source: Path) -> bool:
    return "--meson=" in (source / "configure").read_text(encoding="utf-8", errors="replace")


def _compile(build: Path, log: Path, tell: Tell) -> None:
    """Run ninja, telling about every tenth part."""
    told = -1
    with log.open("a", encoding="utf-8") as out:
        process = subprocess.Popen(
            ["ninja", BINARY],
            cwd=build,
            env={**os.environ, "PATH": _PATH},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            if match := _STEP.match(line):
                done, total = int(match[1]), int(match[2])
                if done * 10 // total > told:
                    told = done * 10 // total
                    tell(f"Compiling: {done} of {total}")
    if process.wait():
        raise _failed(["ninja", BINARY], log)


def _drop_objects(build: Path) -> None:
    """Free the space of what only linking needed; generated sources stay, backtraces point at them."""
    for pattern in ("*.o", "*.a"):
        for path in build.rglob(pattern):
            path.unlink()


def _write_certificate(binary: Path, description: Path, options: list[str], seconds: float, log: Path) -> None:
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout
    certificate = {
        "source": description.name,
        "source sha256": hashlib.sha256(description.read_bytes()).hexdigest(),
        "verified": "by apt, against the distribution's signed index",
        "configure": " ".join(options),
        "compiler": compiler.splitlines()[0] if compiler else "unknown",
        "build_id": read_elf(binary).build_id,
        "seconds": round(seconds),
        "log": str(log),
    }
    path = binary.with_name(CERTIFICATE)
    path.write_text(json.dumps(certificate, indent=1) + "\n", encoding="utf-8")


def _run(command: list[str], folder: Path, log: Path) -> str:
    with log.open("a", encoding="utf-8") as out:
        out.write(f"$ {' '.join(command)}\n")
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": _PATH, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        out.write(done.stdout)
    if done.returncode:
        raise _failed(command, log)
    return done.stdout


def _failed(command: list[str], log: Path) -> AnalyzerError:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
    return AnalyzerError(f"`{command[0]}` failed: {' / '.join(lines)}", f"The whole log: {log}")


@contextmanager
def _lock(path: Path, tell: Tell) -> Iterator[None]:
    """Two builds at once wait for each other."""
    with path.open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Waiting for another build of the same QEMU")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
