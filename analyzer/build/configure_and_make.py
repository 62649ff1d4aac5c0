"""Runs configure, and ninja or make, in the build folder, and reports progress and failures.

Distributions remove firmware from their source packages; empty placeholders let such a tree build.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analyzer.adapters.process import NO_LOG, CommandContext, CommandError, run
from analyzer.build.cache import Cache, remove
from analyzer.build.host_packages import check_requirements, failure_remedy
from analyzer.build.plan import BuildPlan
from analyzer.build.progress import Reporter, report_seconds
from analyzer.build.python2 import prepare_python2
from analyzer.build.python_environment import environment_folder, prepare_environment
from analyzer.build.request import BuildSettings
from analyzer.errors import AnalyzerError

_MESON_LIST = re.compile(r"\[([^\[\]]*)\]")
_MESON_FILE_NAME = re.compile(r"'([\w.,+-]+)'")


def firmware_file_names(meson_build: str) -> list[str]:
    """The firmware files that `pc-bios/meson.build` needs, without duplicates; `meson_build` is its text."""
    found = dict.fromkeys(
        name for block in _MESON_LIST.findall(meson_build) for name in _MESON_FILE_NAME.findall(block)
    )
    return [_build_input_name(name) for name in found]


def create_firmware_placeholders(tree: Path) -> list[str]:
    """Create an empty file for each firmware file that `tree` lacks; returns their names.

    The build only needs the files to exist; a recording passes firmware with -L.
    """
    folder = tree / "pc-bios"
    listing = folder / "meson.build"
    if not listing.is_file():
        return []
    missing = [
        name
        for name in firmware_file_names(listing.read_text(encoding="utf-8", errors="replace"))
        if not (folder / name).exists()
    ]
    for name in missing:
        (folder / name).touch()
    return missing


def _build_input_name(name: str) -> str:
    """The file that the build needs: flash images are compressed, `.dts` files are compiled to `.dtb`."""
    if name.endswith(".fd"):
        return f"{name}.bz2"
    return f"{name.removesuffix('.dts')}.dtb" if name.endswith(".dts") else name


_CONFIGURED = "configured"  # a file in the build folder: configure has succeeded
_LAST_LINES = 8
_NINJA_STEP = re.compile(r"^\[(\d+)/(\d+)\] (.*)")
# make prints "  CC    vl.o" for each step; a dry run (-n) prints the echo command instead.
_MAKE_STEP = re.compile(r"^\s{2}(CC|CXX|OBJC|AS|AR|LINK|GEN)\s+(\S+)")
_MAKE_DRY_RUN_STEP = re.compile(r"""echo ["']?\s+(?:CC|CXX|OBJC|AS|AR|LINK|GEN)\s+\S+""")


class BuildFailedError(AnalyzerError):
    """configure, make or ninja failed, because of the tree or of the host."""


@dataclass(frozen=True)
class CompiledProgram:
    """The result of a build: the emulator, and how it was built.

    `packages`: Python packages of the private environment, as `name==version`. `resumed`: an interrupted build was
    continued.
    """

    program: Path
    packages: tuple[str, ...]
    resumed: bool


def compile_tree(plan: BuildPlan, folder: Path, cache: Cache, reporter: Reporter) -> CompiledProgram:
    """Configure and compile the tree of `plan` in `folder`.

    An interrupted build is resumed with ninja; make would use a half-written file, so it starts again.
    Raises BuildFailedError with the errors, the known remedy and the log; MissingPackagesError; AnalyzerError when
    a private tool cannot be installed.
    """
    check_requirements(
        ["meson" if plan.tree.uses_meson else "make"], plan.source.tree, user_supplied_programs(plan.settings)
    )
    resumed = plan.tree.uses_meson and (folder / _CONFIGURED).exists()
    log = cache.logs / f"{plan.name}.log"
    if not resumed:
        log.unlink(missing_ok=True)
    packages = _prepare_tools(plan, cache, reporter)
    context = CommandContext(log, f"{environment_folder(cache, plan.packages)}/bin" if plan.packages else "")
    try:
        if not resumed:
            _run_configure(plan, folder, context, reporter)
        if plan.tree.uses_meson:
            _run_ninja(plan, folder, context, reporter)
        else:
            _run_make(plan, folder, context, reporter)
        program = _find_program(plan, folder, context)
    except CommandError as error:
        raise _build_failure(error, context.log) from None
    _delete_objects(folder)
    return CompiledProgram(program, packages, resumed)


def user_supplied_programs(settings: BuildSettings) -> list[str]:
    """Programs that the host need not have: `cc` when the user's arguments name another compiler."""
    options = ("--cc=", "--cross-prefix=")
    return ["cc"] if any(argument.startswith(options) for argument in settings.arguments) else []


def _prepare_tools(plan: BuildPlan, cache: Cache, reporter: Reporter) -> tuple[str, ...]:
    """Create the private Python 2.7 and Python environment of `plan`; returns the packages of the latter."""
    log = cache.logs / f"{plan.name}-tools.log"
    if plan.tree.needs_python2:
        prepare_python2(cache, log, reporter)
    return prepare_environment(cache, plan.packages, CommandContext(log), reporter) if plan.packages else ()


def _run_configure(plan: BuildPlan, folder: Path, context: CommandContext, reporter: Reporter) -> None:
    """Run configure in an empty `folder`. CommandError when it fails."""
    remove(folder)
    folder.mkdir(parents=True)
    if missing := create_firmware_placeholders(plan.source.tree):
        reporter.say(f"{len(missing)} firmware files are missing in the tree; empty files replace them")
    reporter.say(f"Configuring QEMU {plan.source.label}, profile {plan.settings.profile.value}")
    # some releases exit with status 0 after an error: then the next step fails
    run(
        ["sh", str(plan.source.tree / "configure"), *plan.options],
        folder,
        context,
        report_seconds(reporter, "Configuring"),
    )
    (folder / _CONFIGURED).touch()


def _run_ninja(plan: BuildPlan, folder: Path, context: CommandContext, reporter: Reporter) -> None:
    def on_line(line: str) -> None:
        if step := _NINJA_STEP.match(line):
            _report_step(reporter, int(step[1]), int(step[2]), step[3])

    run(["ninja", f"-j{plan.settings.jobs}", plan.settings.program], folder, context, on_line)


def _run_make(plan: BuildPlan, folder: Path, context: CommandContext, reporter: Reporter) -> None:
    """Make the emulator only, with the rule of this Makefile: `subdir-TARGET` or `TARGET/all`."""
    file = plan.source.tree / "Makefile"
    makefile = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    target = plan.settings.target
    goal = f"subdir-{target}" if re.search(r"^subdir-%\s*:|subdir-%,", makefile, re.MULTILINE) else f"{target}/all"
    run(
        ["make", f"-j{plan.settings.jobs}", goal],
        folder,
        context,
        _make_step_counter(_count_make_steps(goal, folder), reporter),
    )


def _make_step_counter(total: int, reporter: Reporter) -> Callable[[str], None]:
    """A function for each line of make's output that reports the number of steps; `total` 0 is unknown."""
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if step := _MAKE_STEP.match(line):
            done += 1
            _report_step(reporter, done, max(total, done) if total else 0, f"{step[1]} {step[2]}")

    return on_line


def _count_make_steps(goal: str, folder: Path) -> int:
    """The number of steps that `make -n GOAL` prints; 0 when that fails."""
    try:
        text = run(["make", "-n", goal], folder, NO_LOG)
    except CommandError:
        return 0
    return sum(1 for line in text.splitlines() if _MAKE_DRY_RUN_STEP.search(line))


def _report_step(reporter: Reporter, done: int, total: int, what: str) -> None:
    linking = re.match(r"Linking target qemu-system|LINK .*qemu-system", what)
    reporter.progress("Linking" if linking else "Compiling", done, total)


def _find_program(plan: BuildPlan, folder: Path, context: CommandContext) -> Path:
    """The emulator in the build folder: at the top in new trees, in the folder of the target in old ones."""
    for candidate in (folder / plan.settings.program, folder / plan.settings.target / plan.settings.program):
        if candidate.is_file():
            return candidate
    raise BuildFailedError(
        f"The build succeeded but created no {plan.settings.program}.", f"The log: {context.log}"
    )


def _delete_objects(folder: Path) -> None:
    """Delete object files and archives; generated sources stay, because backtraces refer to them."""
    for pattern in ("*.o", "*.a", "*.fa"):
        for path in folder.rglob(pattern):
            path.unlink()


def _build_failure(error: CommandError, log: Path) -> BuildFailedError:
    """The error for a step that failed: its first two errors and last eight lines, and the known remedy."""
    step = "configure" if error.command[0] == "sh" else error.command[0]
    lines = [line.rstrip() for line in error.output.splitlines() if line.strip()]
    # the compiler's first error is the cause; make reports only that it stops
    errors = [line for line in lines if re.search(r"\berror\b|ERROR", line)][:2]
    shown = list(dict.fromkeys([*errors, *lines[-_LAST_LINES:]]))
    remedy = failure_remedy(error.output)
    return BuildFailedError(
        f"{step} failed with status {error.status}. Output:\n  | " + "\n  | ".join(shown),
        (f"{remedy}\n  " if remedy else "") + f"The whole log: {log}",
    )
