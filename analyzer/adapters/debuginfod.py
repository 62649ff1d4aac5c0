"""Fetches debug information and source files with debuginfod-find, the client of elfutils, and its cache.

The variables DEBUGINFOD_* of the user go to the client unchanged; where one is missing, the limits here apply.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from analyzer.adapters.process import SYSTEM_PATH
from analyzer.errors import AnalyzerError
from analyzer.text import expand_user

CLIENT = "debuginfod-find"
CLIENT_PACKAGES = (
    "Install the client: apt install debuginfod (Debian, Ubuntu), "
    "dnf install elfutils-debuginfod-client (Fedora), pacman -S debuginfod (Arch)."
)
_SILENCE_TIMEOUT = 30  # seconds in which a server must begin to answer
_GRACE = 5.0  # seconds after its own time limit in which the client must end
_URL_FILES = "/etc/debuginfod"  # distributions ship their addresses here, as debuginfod-find(1) says
_PROGRESS = re.compile(r"Downloading from \S+ (\d+)/(\d+)")
OnProgress = Callable[[int, int], None]
"""Called with the bytes downloaded and the bytes of the file, 0 when the server does not say."""


class DebuginfodError(AnalyzerError):
    """The client is missing, a server has not what was asked for, or does not answer in time."""


class NotOnServerError(DebuginfodError):
    """The servers answer that they do not have the file, or that it is larger than asked for."""


def server_urls(url_files: Path = Path(_URL_FILES)) -> str:
    """The addresses of servers, separated by spaces: DEBUGINFOD_URLS, else those in /etc/debuginfod/*.urls."""
    urls = os.environ.get("DEBUGINFOD_URLS")
    if urls is None:
        with suppress(OSError):
            urls = " ".join(file.read_text(encoding="utf-8") for file in sorted(url_files.glob("*.urls")))
    return " ".join((urls or "").split())


def without_passwords(urls: str) -> str:
    """`urls` for a message: without the user and password that an address may contain."""
    return re.sub(r"//[^/@\s]*@", "//", urls)


def cache_folder() -> Path:
    """The cache of the client, as debuginfod-find(1) describes the choice."""
    if named := os.environ.get("DEBUGINFOD_CACHE_PATH"):
        return Path(named)
    old = expand_user("~/.debuginfod_client_cache")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or expand_user("~/.cache"))
    return old if os.access(old, os.R_OK) else caches / "debuginfod_client"


def fetch_debug_file(build_id: str, urls: str, on_progress: OnProgress, timeout: float) -> Path:
    """The debug file with a build-id in hexadecimal, from the cache or from `urls`, within `timeout` seconds.

    Raises NotOnServerError, DebuginfodError. On KeyboardInterrupt the client ends and leaves no partial file.
    """
    return _find(["debuginfo", build_id], urls, on_progress, timeout)


def fetch_source(build_id: str, file: str, urls: str, timeout: float, max_size: int) -> Path:
    """The source file with the absolute path `file` in the debug information of a build, of `max_size` bytes.

    Errors as `fetch_debug_file`.
    """
    return _find(["source", build_id, file], urls, lambda *_: None, timeout, {"DEBUGINFOD_MAXSIZE": str(max_size)})


def _find(
    arguments: list[str], urls: str, on_progress: OnProgress, timeout: float, limits: dict[str, str] | None = None
) -> Path:
    client = shutil.which(CLIENT)
    if client is None:
        raise DebuginfodError(f"{CLIENT} is not installed.", CLIENT_PACKAGES)
    seconds = max(1, round(timeout))
    defaults = {
        "DEBUGINFOD_TIMEOUT": str(min(_SILENCE_TIMEOUT, seconds)),
        "DEBUGINFOD_MAXTIME": str(seconds),
        "DEBUGINFOD_RETRY_LIMIT": "0",  # each of its retries takes the time limit again
    }
    environment = {**defaults, **os.environ, **(limits or {}), "DEBUGINFOD_URLS": urls}
    environment |= {"DEBUGINFOD_PROGRESS": "1", "LC_ALL": "C.UTF-8"}
    status, stdout, stderr = _run([client, *arguments], environment, on_progress, timeout + _GRACE, arguments[1])
    found = stdout.strip()
    if status == 0 and found:
        return Path(found)
    raise _query_error(arguments, urls, stderr, timeout)


def _run(
    command: list[str], environment: dict[str, str], on_progress: OnProgress, timeout: float, build_id: str
) -> tuple[int | None, str, str]:
    """(exit status, standard output, standard error) of the client; status None when it is killed at the timeout.

    On any exception it is killed, too, and what it downloaded partly is deleted.
    """
    setpriv = shutil.which("setpriv", path=SYSTEM_PATH)  # the kernel ends it when this process is killed
    process = subprocess.Popen(
        [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C comes to us, and we end it
        env=environment,
    )
    started = time.time()
    texts = {"stdout": b"", "stderr": b""}
    ended = False
    try:
        with process, selectors.DefaultSelector() as selector:
            try:
                for name in texts:
                    selector.register(getattr(process, name), selectors.EVENT_READ, name)
                ended = _read_to_the_end(selector, texts, on_progress, time.monotonic() + timeout)
            finally:
                if not ended:
                    os.killpg(process.pid, signal.SIGKILL)
    finally:
        if not ended:
            _delete_partial(cache_folder() / build_id, started)
    status = process.returncode if ended else None
    return status, os.fsdecode(texts["stdout"]), texts["stderr"].decode(errors="replace")


def _read_to_the_end(
    selector: selectors.BaseSelector, texts: dict[str, bytes], on_progress: OnProgress, deadline: float
) -> bool:
    """Read both outputs into `texts` until they are closed; False when that takes longer than to `deadline`."""
    progress = 0, 0
    while selector.get_map():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        ready = selector.select(min(left, 1.0))
        if not ready:
            on_progress(*progress)  # the time that passes
        for key, _ in ready:
            chunk = os.read(key.fd, 1 << 16)
            if not chunk:
                selector.unregister(key.fileobj)
            texts[key.data] = (texts[key.data] + chunk)[-(1 << 16) :]
            if key.data == "stderr" and (steps := _PROGRESS.findall(chunk.decode(errors="replace"))):
                progress = int(steps[-1][0]), int(steps[-1][1])
                on_progress(*progress)
    return True


def _delete_partial(folder: Path, started: float) -> None:
    """Delete what a killed client leaves: files whose names end in a dot and six random characters."""
    with suppress(OSError):
        for file in folder.iterdir():
            if re.search(r"\.\w{6}$", file.name) and file.stat().st_mtime >= started - 1:
                file.unlink()
        folder.rmdir()  # when nothing else is there


def _query_error(arguments: list[str], urls: str, stderr: str, timeout: float) -> DebuginfodError:
    """The error for what the client printed on its last line."""
    last = re.split(r"[\r\n]", stderr.strip())[-1].removeprefix("Server query failed: ")
    what = f"build-id {arguments[1]}" if len(arguments) == 2 else arguments[2]
    server = f"The debuginfod server ({without_passwords(urls)})"
    if "No such file" in last:
        return NotOnServerError(f"{server} has no file for {what}.")
    if "too large" in last:
        return NotOnServerError(f"{server} has a file for {what} that is too large.")
    if not last or "Timer expired" in last or "Downloading" in last:
        return DebuginfodError(
            f"{server} did not answer or send the file within its time limit.",
            f"Give more time: --debuginfod-timeout (now {timeout:g} s); DEBUGINFOD_TIMEOUT for a first answer.",
        )
    return DebuginfodError(f"{server} cannot be used: {last}.", "Check DEBUGINFOD_URLS.")
