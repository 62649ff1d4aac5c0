"""Options for QEMU's `configure`, chosen from what its own `--help` offers."""

from __future__ import annotations

import platform
import re
from functools import cache
from typing import Any

from analyzer.build.wanted import BuildSettings
from analyzer.toml import load_toml

_LONG_OPTION = re.compile(r"(?<![\w-])--([a-z][A-Za-z0-9-]*)")
_FEATURE = re.compile(r"^  ([a-z][a-z0-9-]*)(?:  |$)", re.MULTILINE)
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # names of host machines that differ from QEMU's


def choose_options(offered: set[str], recipe: BuildSettings, configure: str = "") -> list[str]:
    """The options, in a fixed order. Left out is what is neither `offered` nor in the text of `configure`."""
    known = offered | {
        e["name"] for e in _data()["wanted"] if e.get("undocumented") and f"--{e['name']})" in configure
    }
    native = recipe.target.startswith(_host_machine())
    chosen = [f"--target-list={recipe.target}"]
    for entry in _data()["wanted"]:
        fits = entry.get("profile", recipe.profile.value) == recipe.profile.value
        fits = fits and {entry["name"], entry.get("after", entry["name"])} <= known
        if fits and (native or not entry.get("native")):
            chosen.append(entry["option"])
    unwanted = list(_data()["unwanted"]["programs"])
    if "without-default-features" not in offered:
        unwanted += _data()["unwanted"]["features"]
    return chosen + [f"--disable-{name}" for name in unwanted if _can_be_disabled(name, offered)]


def offered_names(help_text: str) -> set[str]:
    """Long options without their dashes, and features, be they listed bare or as `--enable-X`, `--disable-X`."""
    options = set(_LONG_OPTION.findall(help_text))
    features = set(_FEATURE.findall(help_text))
    bare = {
        re.sub(r"^(?:enable|disable)-", "", name) for name in options if name.startswith(("enable-", "disable-"))
    }
    return options | features | bare


def _can_be_disabled(name: str, offered: set[str]) -> bool:
    """A few old options exist only as `--enable-X`, and `--disable-X` is unknown to that configure."""
    return f"disable-{name}" in offered or (name in offered and f"enable-{name}" not in offered)


def _host_machine() -> str:
    machine = platform.machine()
    return _MACHINES.get(machine, machine)


@cache
def _data() -> dict[str, Any]:
    return load_toml("analyzer.build", "options.toml")
