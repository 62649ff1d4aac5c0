"""Finds the QEMU that a wrapper script executes, by running the script up to that moment."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyzer.adapters.gdb import PTRACE_HINT
from analyzer.errors import AnalyzerError
from analyzer.files import scratch_folder

FOLLOW_OPTION = "--follow-exec"
_TRACER = Path(__file__).with_name("exec_tracer.py")
_SHELLS_OWN = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})  # variables that a shell sets for itself


@dataclass(frozen=True)
class FollowedExec:
    """What a script executes: the path of QEMU, its arguments without its name, and what differs around it.

    `variables`: variables of the environment that the script sets, None for one that it removes. `folder`: the
    working directory; "" when it is the one of this program.
    """

    program: Path
    arguments: tuple[str, ...]
    variables: dict[str, str | None]
    folder: str


def follow_exec(script: Path, arguments: Sequence[str], timeout: float) -> FollowedExec:
    """Run `script` with `arguments` up to its exec of QEMU, which does not begin to run.

    `timeout` is in seconds, for all that the script does before.

    AnalyzerError when the script starts QEMU as a child process, starts none, or cannot be traced.
    """
    with scratch_folder() as scratch:
        result, output = scratch / "result.json", scratch / "output"
        command = [sys.executable, "-I", str(_TRACER), str(result), str(script.absolute()), *arguments]
        with output.open("wb") as file:
            try:
                subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=timeout, check=False
                )
            except subprocess.TimeoutExpired:
                raise AnalyzerError(
                    f"{script} did not execute QEMU within {timeout:g} s.",
                    "Give it more time with --timeout, or give the program that it starts with --qemu.",
                ) from None
        said = " ".join(output.read_text(errors="replace").split())[-300:]
        answer = json.loads(result.read_text()) if result.exists() else {"error": said or "the tracer ended"}
    return _followed(script, answer, said)


def _followed(script: Path, answer: dict[str, Any], said: str) -> FollowedExec:
    if "error" in answer:
        raise AnalyzerError(f"{script} cannot be traced: {answer['error']}.", PTRACE_HINT)
    if "status" in answer:
        raise AnalyzerError(
            f"{script} executed no QEMU and ended with exit status {answer['status']}. "
            f"Its output: {said or 'none'}",
            "Give the program that it starts.",
        )
    if answer["child"]:
        line = shlex.join(["--qemu", answer["program"], "--", *answer["arguments"]])
        raise AnalyzerError(
            f"{script} runs QEMU as a child process, which {FOLLOW_OPTION} does not follow.",
            f"Write exec before the command that starts QEMU, or give the program: {line}",
        )
    folder = answer["folder"] if answer["folder"] != str(Path.cwd()) else ""
    variables = changed_variables(dict(os.environ), answer["environment"])
    return FollowedExec(Path(answer["program"]), tuple(answer["arguments"]), variables, folder)


def changed_variables(old: dict[str, str], new: dict[str, str]) -> dict[str, str | None]:
    """The variables of `new` that `old` lacks or has with another value; None for those that `new` lacks.

    Left out are variables that a shell sets for itself, and its exported functions, which have several lines.
    """
    changed = {name: value for name, value in new.items() if old.get(name) != value and "\n" not in value}
    removed = dict.fromkeys(old.keys() - new.keys())
    both: dict[str, str | None] = {**changed, **removed}
    return {name: both[name] for name in sorted(both) if name not in _SHELLS_OWN}
