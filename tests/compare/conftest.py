"""A QEMU in small that really runs a guest, in as many variations as a test wants: recorded in a second."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import ANALYZE, need, need_tool

TOY = Path(__file__).parents[1] / "programs" / "toy_qemu.c"
FLAGS = ["-g", "-O0", *re.findall(r"^// flags: (.*)$", TOY.read_text(), re.MULTILINE)]

Toy = Callable[..., Path]
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Compiles the toy once for each variation, such as `toy("EXTRA")`; `name` stands for one that is no name."""
    need_tool("gdb")
    need(os.access("/dev/kvm", os.R_OK | os.W_OK), "a usable /dev/kvm")
    compiler = need_tool("gcc")
    folder = tmp_path_factory.mktemp("toys")

    def compiled(*variations: str, name: str = "") -> Path:
        binary = folder / "-".join(["qemu-toy", *([name] if name else variations)])
        if not binary.exists():
            defines = [f"-D{variation}" for variation in variations]
            subprocess.run([compiler, *FLAGS, *defines, "-o", str(binary), str(TOY)], check=True)
        return binary

    return compiled


@pytest.fixture(scope="session")
def recorded(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """The output folder of the toy in a variation, recorded once and fast: without pointers and kernel."""
    folder = tmp_path_factory.mktemp("recorded")

    def output(*variations: str) -> Path:
        out = folder / "-".join(["toy", *variations])
        if not out.exists():
            done = analyze("startup", "--qemu", toy(*variations), "--out", out, "--no-pointers", "--no-kernel")
            assert done.returncode == 0, done.stdout + done.stderr
        return out

    return output


def analyze(
    *arguments: object,
    folder: Path | None = None,
    before: Sequence[str] = (),
    limit: float = 120,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the installed `analyze` to its end, in `folder`, after the words `before`; a traceback fails the test.

    It has `limit` seconds.
    """
    done = subprocess.run(
        [*before, ANALYZE, *map(str, arguments)],
        cwd=folder,
        env={**surroundings(), **environment},
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def surroundings() -> dict[str, str]:
    """The environment as a user has it, `analyze` in its PATH; that of a CI this test may run in is left out."""
    kept = {name: value for name, value in os.environ.items() if not re.match("CI|GIT|CALLCHAIN_|QEMU", name)}
    return {**kept, "PATH": f"{ANALYZE.parent}:{os.environ['PATH']}"}


class Checkout:
    """A git repository whose only program is the toy, built by `sh build.sh` as its file `flags` says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(TOY, folder / "toy.c")
        (folder / "build.sh").write_text(f"gcc {' '.join(FLAGS)} $(cat flags) -o qemu-toy toy.c\n")
        (folder / ".gitignore").write_text("qemu-toy\n")
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        """What git says; its failure is the test's."""
        who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.folder, env=surroundings(), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, subject: str, *variations: str) -> str:
        """A commit in which the toy has these variations; its name."""
        (self.folder / "flags").write_text(" ".join(f"-D{variation}" for variation in variations) + "\n")
        with (self.folder / "log").open("a") as log:  # so that no commit is empty
            log.write(subject + "\n")
        self.git("add", ".")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    need_tool("git")
    return Checkout(tmp_path / "checkout")
