"""Firmware that a tree's build names and the tree lacks: distributions leave it out of their source packages."""

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
    """File names in the lists of a `pc-bios/meson.build`, as the build looks for them."""
    found = dict.fromkeys(
        name for block in _MESON_LIST.findall(meson_build) for name in _MESON_FILE_NAME.findall(block)
    )
    return [_build_input_name(name) for name in found]


def create_firmware_placeholders(tree: Path) -> list[str]:
    """Make an empty file for each that is missing; their names. The build wants files, the emulator is given
    firmware of its own when it runs."""
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
    """Flash images are kept packed; a device tree's source may be there, its binary is what is installed."""
    if name.endswith(".fd"):
        return f"{name}.bz2"
    return f"{name.removesuffix('.dts')}.dtb" if name.endswith(".dts") else name


_CONFIGURED = "configured"  # a file that says that configure came to its end
_LAST_LINES = 8
_NINJA_STEP = re.compile(r"^\[(\d+)/(\d+)\] (.*)")
# What make prints for each step, "  CC    vl.o"; in a dry run as the echo that would print it.
_MAKE_STEP = re.compile(r"^\s{2}(CC|CXX|OBJC|AS|AR|LINK|GEN)\s+(\S+)")
_MAKE_DRY_RUN_STEP = re.compile(r"""echo ["']?\s+(?:CC|CXX|OBJC|AS|AR|LINK|GEN)\s+\S+""")


class BuildFailedError(AnalyzerError):
    """Configuring or compiling did not come to its end, whatever the tree or the host is to blame for it."""


@dataclass(frozen=True)
class CompiledProgram:
    """The emulator; what the private environment really held; whether an interrupted build was gone on with."""

    program: Path
    packages: tuple[str, ...]
    resumed: bool


def compile_tree(plan: BuildPlan, folder: Path, cache: Cache, reporter: Reporter) -> CompiledProgram:
    """Build in `folder`. AnalyzerError says what failed, what helps, where the log is.

    An interrupted build goes on when ninja does it; make would take a half-written file for a whole one.
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
    """Programs that need not be looked for: the user named another compiler."""
    options = ("--cc=", "--cross-prefix=")
    return ["cc"] if any(argument.startswith(options) for argument in settings.arguments) else []


def _prepare_tools(plan: BuildPlan, cache: Cache, reporter: Reporter) -> tuple[str, ...]:
    """Make the private tools; the Python packages they hold."""
    log = cache.logs / f"{plan.name}-tools.log"
    if plan.tree.needs_python2:
        prepare_python2(cache, log, reporter)
    return prepare_environment(cache, plan.packages, CommandContext(log), reporter) if plan.packages else ()


def _run_configure(plan: BuildPlan, folder: Path, context: CommandContext, reporter: Reporter) -> None:
    remove(folder)
    folder.mkdir(parents=True)
    if missing := create_firmware_placeholders(plan.source.tree):
        reporter.say(f"{len(missing)} firmware files are missing in the tree; empty ones stand in for them")
    reporter.say(f"Configuring QEMU {plan.source.label}, profile {plan.settings.profile.value}")
    # where configure ends with status 0 although it gave up, the next step says so
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
    """Only the emulator, by the rule this tree's Makefile has for it."""
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
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if step := _MAKE_STEP.match(line):
            done += 1
            _report_step(reporter, done, max(total, done) if total else 0, f"{step[1]} {step[2]}")

    return on_line


def _count_make_steps(goal: str, folder: Path) -> int:
    """From a dry run; 0 when that cannot tell."""
    try:
        text = run(["make", "-n", goal], folder, NO_LOG)
    except CommandError:
        return 0
    return sum(1 for line in text.splitlines() if _MAKE_DRY_RUN_STEP.search(line))


def _report_step(reporter: Reporter, done: int, total: int, what: str) -> None:
    linking = re.match(r"Linking target qemu-system|LINK .*qemu-system", what)
    reporter.progress("Linking" if linking else "Compiling", done, total)


def _find_program(plan: BuildPlan, folder: Path, context: CommandContext) -> Path:
    """Newer trees put the emulator at the top, older ones into the target's folder."""
    for candidate in (folder / plan.settings.program, folder / plan.settings.target / plan.settings.program):
        if candidate.is_file():
            return candidate
    raise BuildFailedError(f"The build ended well and made no {plan.settings.program}.", f"The log: {context.log}")


def _delete_objects(folder: Path) -> None:
    """Free the space of what only linking needed; generated sources stay, backtraces point at them."""
    for pattern in ("*.o", "*.a", "*.fa"):
        for path in folder.rglob(pattern):
            path.unlink()


def _build_failure(error: CommandError, log: Path) -> BuildFailedError:
    step = "configure" if error.command[0] == "sh" else error.command[0]
    lines = [line.rstrip() for line in error.output.splitlines() if line.strip()]
    # the first error of a compiler says more than make's complaint at the end
    errors = [line for line in lines if re.search(r"\berror\b|ERROR", line)][:2]
    shown = list(dict.fromkeys([*errors, *lines[-_LAST_LINES:]]))
    remedy = failure_remedy(error.output)
    return BuildFailedError(
        f"{step} failed with status {error.status}. It said:\n  | " + "\n  | ".join(shown),
        (f"{remedy}\n  " if remedy else "") + f"The whole log: {log}",
    )
