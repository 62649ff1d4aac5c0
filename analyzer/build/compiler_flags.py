"""Chooses compiler flags: those of a profile, and those that this compiler needs for C code of 2013.

The latter are found by compiling small programs.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.process import NO_LOG, SYSTEM_PATH, capture
from analyzer.build.cache import Cache
from analyzer.build.host_packages import failure_remedy
from analyzer.build.progress import Reporter
from analyzer.build.provenance import read_json, write_json
from analyzer.build.request import BuildSettings, Profile
from analyzer.errors import AnalyzerError, UsageError
from analyzer.files import scratch_folder

# Every call has a frame of its own, and a frame pointer for unwinding without debug information.
_PROFILE_FLAGS = {
    Profile.DEBUG: ("-fno-omit-frame-pointer", "-fno-optimize-sibling-calls"),
    Profile.RELEASE: (),
}


@dataclass(frozen=True)
class Idiom:
    """A construct of C programs of 2013.

    `files` are the C sources of a program that uses it; `flags` are tried in turn when that does not compile.
    """

    name: str
    files: tuple[str, ...]
    flags: tuple[str, ...]


# -fcommon before -std: a compiler that refuses tentative definitions does so in every dialect.
IDIOMS = (
    Idiom(
        "the same uninitialised variable in two files (refused since -fno-common is gcc's default)",
        ("int shared; int main(void) { return shared; }", "int shared;"),
        ("-fcommon",),
    ),
    Idiom(
        "names that C23 made keywords",
        ("typedef int bool; int main(void) { bool nullptr = 0; return nullptr; }",),
        ("-std=gnu99", "-std=gnu17"),
    ),
    Idiom(
        "inline functions with and without extern, and // comments",
        ("static inline int one(void) { return 1; } // line\nint main(void) { typeof(1) a = one(); return a; }",),
        ("-std=gnu99",),
    ),
    Idiom(
        "a function used before it is declared",
        ("int main(void) { return later(0); }", "int later(int x) { return x; }"),
        ("-Wno-error=implicit-function-declaration", "-fpermissive"),
    ),
    Idiom(
        "an integer where a pointer is expected",
        ("static int *from(long v) { int *p = v; return p; } int main(void) { return from(0) != 0; }",),
        ("-Wno-error=int-conversion", "-fpermissive"),
    ),
    Idiom(
        "a pointer of another type",
        ("static int f(unsigned *p) { return *p; } int main(void) { float x = 0; return f(&x); }",),
        ("-Wno-error=incompatible-pointer-types", "-fpermissive"),
    ),
    Idiom(
        "a function without a return type",
        ("f(void) { return 0; } int main(void) { return f(); }",),
        ("-Wno-error=implicit-int", "-fpermissive"),
    ),
)

CompileCheck = Callable[[Sequence[str], Sequence[str]], bool]


def profile_flags(profile: Profile) -> tuple[str, ...]:
    """The C compiler flags of a profile, for every tree."""
    return _PROFILE_FLAGS[profile]


def old_c_flags(compiles: CompileCheck, idioms: Sequence[Idiom] = IDIOMS) -> list[str]:
    """The flags that a compiler needs to compile all `idioms`; [] when it needs none.

    `compiles(files, flags)` returns whether a program of these sources compiles and links with these flags.
    An idiom that compiles with no flag is ignored: the tree may not contain it.
    AnalyzerError when not even an empty program compiles.
    """
    chosen: list[str] = []
    if not compiles(("int main(void) { return 0; }",), ()):
        raise AnalyzerError("The C compiler cannot compile an empty program.", failure_remedy("cc does not work"))
    for idiom in idioms:
        if compiles(idiom.files, chosen):
            continue
        flag = next((flag for flag in idiom.flags if compiles(idiom.files, [*chosen, flag])), None)
        if flag:
            chosen.append(flag)
    return chosen


def compile_check(compiler: Sequence[str]) -> CompileCheck:
    """A function for `old_c_flags` that runs `compiler`, in a temporary folder.

    It raises CommandTimeoutError when the compiler takes more than two minutes.
    """

    def compiles(files: Sequence[str], flags: Sequence[str]) -> bool:
        with scratch_folder() as folder:
            names = [f"{number}.c" for number in range(len(files))]
            for file, text in zip(names, files, strict=True):
                (folder / file).write_text(text + "\n", encoding="utf-8")
            line = [*compiler, *flags, *names, "-o", "program"]
            # in the environment of the build, not in the user's
            return capture(line, folder, NO_LOG.environment(), timeout=120).succeeded

    return compiles


def compiler_command(settings: BuildSettings) -> list[str]:
    """The compiler as a command: gcc of the user's --cross-prefix, else the user's --cc, else cc.

    UsageError when --cc is not a command line.
    """
    if prefix := _last_argument(settings, "cross-prefix"):
        return [f"{prefix}gcc"]
    cc = _last_argument(settings, "cc")
    try:
        command = ["cc"] if cc is None else shlex.split(cc)
    except ValueError as error:
        raise UsageError(f"--cc={cc}: {error}.", "For example: -- --cc=gcc-12") from None
    if not command:
        raise UsageError("--cc= names no compiler.", "For example: -- --cc=gcc-12")
    return command


def compiler_digest(compiler: list[str]) -> str:
    """The sha256 of the compiler's file, hexadecimal; "" when it is not found.

    A wrapper script can change without a change of the version that it prints.
    """
    path = shutil.which(compiler[0], path=SYSTEM_PATH)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def _last_argument(settings: BuildSettings, option: str) -> str | None:
    """The value of the last --OPTION=VALUE among the user's arguments for configure; None without one."""
    values = [a.partition("=")[2] for a in settings.arguments if a.startswith(f"--{option}=")]
    return values[-1] if values else None


def compiler_version(compiler: list[str]) -> str:
    """The first line that the compiler prints for --version. AnalyzerError when it cannot be run."""
    try:
        lines = capture([*compiler, "--version"], environment=NO_LOG.environment()).stdout.splitlines()
    except OSError:
        lines = []
    if lines:
        return lines[0]
    hint = (
        failure_remedy("cc does not exist")
        if compiler == ["cc"]
        else "Give its absolute path when it is not in a system folder."
    )
    raise AnalyzerError(f"The C compiler {shlex.join(compiler)} does not exist.", hint)


def cached_old_c_flags(compiler: list[str], version: str, cache: Cache, reporter: Reporter) -> list[str]:
    """`old_c_flags` of a real compiler, stored in the cache by compiler version, compiler digest and IDIOMS.

    Raises AnalyzerError as `old_c_flags`.
    """
    cache_file = cache.tools / "flags.json"
    known = read_json(cache_file) or {}
    idioms = hashlib.sha256(repr(IDIOMS).encode()).hexdigest()
    key = f"{shlex.join(compiler)}: {version}: {compiler_digest(compiler)[:8]}: {idioms[:8]}"
    if key not in known:
        reporter.say("Testing which flags this compiler needs for old C code")
        known[key] = old_c_flags(compile_check(compiler))
        write_json(cache_file, known)
    return [str(flag) for flag in known[key]]
