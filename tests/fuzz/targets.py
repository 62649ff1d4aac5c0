"""The targets of fuzzing by name, and what must hold for each input of each."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path

from analyzer.errors import AnalyzerError
from tests.fuzz.guard import guarded

ROOT_PACKAGES = ("analyzer", "gdbscripts", "reports")
CORPUS = Path(__file__).with_name("corpus")
NAMES = (
    "allow_lists", "backtraces", "baselines", "call_frames", "certificates", "downloads", "dwarf", "elf", "graphs",
    "kernel_traces", "mi_records", "perf_events", "recordings", "scenarios", "symbol_indexes", "tarballs",
)  # fmt: skip
"""Each is a module of `tests.fuzz.harnesses` and a folder of `corpus/`."""
_LONGEST_MESSAGE = 3000  # characters


@dataclass(frozen=True)
class Target:
    """What is fuzzed. `check` takes the input and an empty folder, which is the working directory.

    `check` may raise AnalyzerError, and AssertionError for a wrong result. `reads`: an input of this kind names
    files that are read. `largest`: bytes of an input that is made.
    """

    name: str
    check: Callable[[bytes, Path], None]
    reads: bool = False
    largest: int = 1 << 16
    share: float = 1.0  # of the usual number of examples, for a slow target

    def run(self, data: bytes, factor: float = 1.0) -> str:
        """Check one input; `factor` multiplies the limit of time. Returns the message that a user gets, or "".

        Raises what is wrong: Violation of a limit, or any exception that is no AnalyzerError.
        """
        with tempfile.TemporaryDirectory(prefix="fuzz-") as base:
            folder, beside = Path(base, "out"), Path(base, "beside")
            folder.mkdir()
            beside.write_text("untouched")
            message = self._run_in(folder, data, factor)
            assert sorted(os.listdir(base)) == ["beside", "out"], (
                f"a file outside of the folder: {os.listdir(base)}"
            )
            assert beside.read_text() == "untouched"
        return message

    def _run_in(self, folder: Path, data: bytes, factor: float) -> str:
        before = Path.cwd()
        os.chdir(folder)
        try:
            limits = guarded(len(data), folder, self.reads, factor)
            with redirect_stdout(StringIO()), redirect_stderr(StringIO()), limits:
                self.check(data, folder)
        except AnalyzerError as error:
            _check_sentence(error)
            return error.message
        finally:
            os.chdir(before)
        return ""

    @property
    def corpus(self) -> dict[str, bytes]:
        """The inputs in the repository, by name."""
        return {path.name: path.read_bytes() for path in sorted((CORPUS / self.name).iterdir())}


@cache
def target(name: str) -> Target:
    """The target called `name`, of NAMES."""
    module = importlib.import_module(f"tests.fuzz.harnesses.{name}")
    options = ("reads", "largest", "share")
    given = {key: getattr(module, key.upper()) for key in options if hasattr(module, key.upper())}
    return Target(name, module.check, **given)


def _check_sentence(error: AnalyzerError) -> None:
    message = error.message
    assert message.strip(), "an error without a message"
    assert len(message) < _LONGEST_MESSAGE, f"a message of {len(message)} characters"
    assert message.rstrip().endswith((".", "?", "!")) or "sha256" in message, f"no sentence: {message!r}"
