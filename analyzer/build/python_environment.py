"""Creates the virtual environment of a build, with meson, ninja and what they need, in the cache."""

from __future__ import annotations

import hashlib
import os
import sys
import venv
from pathlib import Path

from analyzer.adapters.process import CommandContext, CommandError, run
from analyzer.build.cache import Cache, remove
from analyzer.build.host_packages import failure_remedy
from analyzer.build.progress import Reporter, report_seconds
from analyzer.build.provenance import read_json, write_json
from analyzer.errors import AnalyzerError

_COMPLETE_FILE = "whole.json"
# The PIP_ variables of the user that a build inherits: index, mirror, proxy. The target folder is not among them.
_PIP_SETTINGS = (
    "INDEX_URL",
    "EXTRA_INDEX_URL",
    "FIND_LINKS",
    "NO_INDEX",
    "PROXY",
    "CERT",
    "CLIENT_CERT",
    "TRUSTED_HOST",
    "CONFIG_FILE",
    "DEFAULT_TIMEOUT",
    "TIMEOUT",
    "RETRIES",
)


def environment_folder(cache: Cache, packages: tuple[str, ...]) -> Path:
    """The folder of the environment with these packages, before or after it is created."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256("\n".join((python, sys.base_prefix, *packages)).encode()).hexdigest()[:12]
    return cache.tools / f"python{python}-{name}"


def prepare_environment(
    cache: Cache, packages: tuple[str, ...], context: CommandContext, reporter: Reporter
) -> tuple[str, ...]:
    """Create the environment when the cache has none; returns all installed packages, as `name==version`.

    `packages` are requirements as pip takes them. AnalyzerError when venv or pip fails.
    """
    folder = environment_folder(cache, packages)
    with cache.lock(folder.name, reporter):
        installed = installed_packages(folder)
        if not installed:
            reporter.say(f"Creating a private Python environment with {', '.join(packages)}")
            try:
                installed = _make_environment(folder, packages, context, reporter)
            except BaseException:
                remove(folder)
                raise
    return installed


def installed_packages(folder: Path) -> tuple[str, ...]:
    """The packages of a whole environment that is still where it was made: it knows its own path. Else ()."""
    facts = read_json(folder / _COMPLETE_FILE) or {}
    return tuple(facts.get("installed", ())) if facts.get("folder") == str(folder.resolve()) else ()


def _make_environment(
    folder: Path, packages: tuple[str, ...], context: CommandContext, reporter: Reporter
) -> tuple[str, ...]:
    remove(folder)
    venv.create(folder, with_pip=False, symlinks=True)
    python = str(folder / "bin" / "python3")
    on_line = report_seconds(reporter, "Installing Python packages")
    try:
        run([python, "-m", "ensurepip", "--default-pip"], folder, context, on_line)
    except CommandError as error:
        raise AnalyzerError(
            f"No virtual environment can be created in {folder}: {error.last_line}",
            failure_remedy(error.output) or "On Debian and Ubuntu: apt-get install python3-venv",
        ) from None
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    try:
        run([*pip, "install", *packages], folder, context, on_line, _pip_settings())
        installed = tuple(run([*pip, "freeze", "--all"], folder, context).split())
    except CommandError as error:
        raise AnalyzerError(
            f"pip could not install {', '.join(packages)}: {error.last_line}",
            f"Check that the package index is reachable. The whole output: {context.log}",
        ) from None
    write_json(folder / _COMPLETE_FILE, {"folder": str(folder.resolve()), "installed": list(installed)})
    return installed


def _pip_settings() -> dict[str, str]:
    names = [f"PIP_{name}" for name in _PIP_SETTINGS]
    return {**{name: os.environ[name] for name in names if name in os.environ}, "PIP_USER": "0"}
