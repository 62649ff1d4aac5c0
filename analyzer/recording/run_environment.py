"""The environment and arguments that a wrapper script gives to QEMU."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

HIDDEN = "..."  # the value of a variable that is not recorded
_HARMLESS = re.compile(
    r"(?:LD_\w+|LANG|LANGUAGE|LC_\w+|PATH|TMPDIR|TZ|DISPLAY|WAYLAND_DISPLAY|XDG_\w+|MALLOC_\w+|G_\w+|GLIBC_TUNABLES|"
    r"SDL_\w+|PULSE_\w+|QEMU_(?:AUDIO_\w+|MODULE_DIR|LD_PREFIX)|[ALTU]SAN_OPTIONS|PWD|OLDPWD|SHLVL|_)"
)


@dataclass(frozen=True)
class RunEnvironment:
    """What differs from this program's environment.

    `variables`: name and value, None for a removed one. `folder`: the working directory, "" for the same one.
    """

    variables: Mapping[str, str | None] = field(default_factory=dict)
    folder: str = ""

    def merged_with(self, environment: Mapping[str, str]) -> dict[str, str]:
        """`environment` with the variables set and removed."""
        merged = {**environment, **self.variables}
        return {name: value for name, value in merged.items() if value is not None}

    def env_command(self) -> list[str]:
        """The words before a command that runs in this environment, `env NAME=VALUE`; [] when nothing differs.

        They are recorded: values of variables that may be secrets are left out.
        """
        if not self.variables and not self.folder:
            return []
        folder = [f"--chdir={self.folder}"] if self.folder else []
        removed = [f"--unset={name}" for name, value in self.variables.items() if value is None]
        given = [f"{name}={_shown(name, value)}" for name, value in self.variables.items() if value is not None]
        return ["env", *folder, *removed, *given]

    def gdb_commands(self) -> Iterator[str]:
        """The commands with which gdb starts its program in this environment."""
        if self.folder:
            yield f"set cwd {self.folder}"
        for name, value in self.variables.items():
            yield f"unset environment {name}" if value is None else f"set environment {name}={value}"


def _shown(name: str, value: str) -> str:
    return value if _HARMLESS.fullmatch(name) else HIDDEN


def without_accelerator(arguments: Sequence[str], accelerator: str) -> tuple[str, ...]:
    """The arguments of a script without those that choose `accelerator`, which `analyze` chooses itself.

    Arguments that choose another one stay, and are refused like those of a user.
    """
    kept: list[str] = []
    for argument in arguments:
        option = kept[-1].lstrip("-") if kept and kept[-1].startswith("-") else ""
        if argument in (f"-enable-{accelerator}", f"--enable-{accelerator}"):
            continue
        if option == "accel" and argument.partition(",")[0].removeprefix("accel=") == accelerator:
            kept.pop()
        elif option in ("machine", "M") and "accel=" in argument:
            rest = ",".join(part for part in argument.split(",") if part != f"accel={accelerator}")
            kept = [*kept, rest] if rest else kept[:-1]
        else:
            kept.append(argument)
    return tuple(kept)
