"""Demangles names with the program `c++filt` of binutils, or `llvm-cxxfilt`: one process for all names."""

from __future__ import annotations

import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from analyzer.text import number_of

_PROGRAMS = ("c++filt", "llvm-cxxfilt")
_INSTALL_HINT = "Install c++filt: apt install binutils (or dnf install binutils, pacman -S binutils)."
_TIMEOUT = 60.0  # seconds
_MAX_OUTPUT = 1 << 25  # bytes: a hostile name of a thousand characters can stand for gigabytes
_MAX_MEMORY = 1 << 30  # bytes
_LONGEST = 4000  # characters of a readable name


def demangle(names: Sequence[str]) -> tuple[dict[str, str], str]:
    """Demangle `names`, which have no line ends; returns readable names by mangled name, and a message.

    Names that are not mangled, or whose readable name is longer than 4000 characters, are left out. The message
    says why all names stay mangled, with the next step; "" when the program ran.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    stay = f"{number_of(len(names), 'name')} of C++ or Rust {'stays' if len(names) == 1 else 'stay'} mangled"
    if program is None:
        return {}, f"{stay}: c++filt is not installed. {_INSTALL_HINT}"
    try:
        lines = _run(program, names)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {}, f"{stay}: {program} failed ({type(error).__name__})."
    readable = zip(names, lines, strict=False)  # fewer lines when the program was ended at its limit
    return {name: line for name, line in readable if line != name and 0 < len(line) <= _LONGEST}, ""


def _run(program: str, names: Sequence[str]) -> list[str]:
    """The lines that `program` prints, one for each name, within limits of time, output and memory."""
    text = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL, start_new_session=True
        )
        with process:
            try:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_MAX_OUTPUT, _MAX_OUTPUT))
                resource.prlimit(process.pid, resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
                process.communicate(text, timeout=_TIMEOUT)
            except BaseException:
                process.kill()
                raise
        output.seek(0)
        return output.read().decode("utf-8", "surrogateescape").split("\n")[:-1]
