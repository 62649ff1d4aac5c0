"""What all tests share: skipping openly, and no child left behind."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ANALYZE = Path(sys.executable).with_name("analyze")
# A shared machine may be slow for a moment: an example fails for what it finds, never for its time.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")
NO_SKIP = os.environ.get("CALLCHAIN_NO_SKIP") == "1"


def need(condition: object, what: str) -> None:
    """Skip, saying what the host lacks; in CI that is a failure."""
    if condition:
        return
    if NO_SKIP:
        pytest.fail(f"this host lacks {what}, and CALLCHAIN_NO_SKIP is set", pytrace=False)
    pytest.skip(f"this host lacks {what}")


def need_tool(name: str) -> str:
    """The path of a tool the test cannot do without."""
    path = shutil.which(name)
    need(path, name)
    assert path is not None
    return path


def children() -> set[str]:
    """Command names of all living descendants of this process, with their process ids."""
    return {f"{name} ({pid})" for pid, name in descendants().items()}


def descendants() -> dict[int, str]:
    """Process id and command name of all living descendants of this process."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text(errors="replace")  # a name may have any bytes
        except OSError:
            continue
        pid, _, rest = text.partition(" (")
        name, _, fields = rest.rpartition(") ")
        if not fields:  # it ended while it was read
            continue
        state, parent = fields.split()[:2]
        if state != "Z":
            parents[int(pid)], names[int(pid)] = int(parent), name
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return {pid: names[pid] for pid in ours - {os.getpid()}}


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test may leave a gdb or a QEMU behind; one that another test left is not held against this one."""
    before = children()
    yield
    left = [child for child in sorted(children() - before) if child.startswith(("gdb", "qemu"))]
    assert not left, f"{request.node.nodeid} left behind: {left}"


def pytest_configure() -> None:
    """Give signals their default action: a background job of a shell and `nohup` have some of them ignored, and so
    have their children. Recordings find the origins of pointers themselves, whatever was recorded before."""
    os.environ["CALLCHAIN_NO_POINTER_CACHE"] = "1"
    for number, action in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, action)


def other_user() -> list[str]:
    """What to put before a command so that another user runs it, who may read this checkout and use /dev/kvm."""
    setpriv = need_tool("setpriv")
    need(os.geteuid() == 0, "root, to become somebody else")
    capability = "+dac_override"
    return [
        setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={capability}",
        f"--ambient-caps={capability}", f"--bounding-set={capability}",
    ]  # fmt: skip
