"""Says how to get the debug information of a distribution's QEMU: on this host's distribution first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class _Distribution:
    """`ids`: values of ID and ID_LIKE in os-release(5) that stand for it. `how`: the commands, as a sentence."""

    name: str
    ids: tuple[str, ...]
    how: str


_DEBUGINFOD = (
    "or export DEBUGINFOD_URLS=… (the address your distribution documents) and give --debuginfod "
    "(client: apt install debuginfod)."
)
_DISTRIBUTIONS = (
    _Distribution(
        "Ubuntu",
        ("ubuntu",),
        "add the archive of debug packages (ddebs) to APT's sources, then sudo apt install "
        f"qemu-system-x86-dbgsym; {_DEBUGINFOD}",
    ),
    _Distribution(
        "Debian",
        ("debian",),
        "add the archive of debug packages (debian-debug) to APT's sources, then sudo apt install "
        f"qemu-system-x86-dbgsym; {_DEBUGINFOD}",
    ),
    _Distribution(
        "Fedora",
        ("fedora", "rhel", "centos"),
        "sudo dnf debuginfo-install qemu-system-x86-core; or give --debuginfod "
        "(client: dnf install elfutils-debuginfod-client).",
    ),
    _Distribution(
        "Arch",
        ("arch",),
        "debuginfod is on by default, so give --debuginfod (client: pacman -S debuginfod).",
    ),
)


def how_to_get_debug_information(os_release: Path = OS_RELEASE) -> str:
    """A line for each distribution, that of this host first, and one for files that are elsewhere."""
    ids = _ids(os_release)
    own = next((each for name in ids for each in _DISTRIBUTIONS if name in each.ids), None)
    ordered = sorted(_DISTRIBUTIONS, key=lambda each: (each is not own, each.name != "Debian", each.name))
    lines = [f"{each.name}{' (this host)' if each is own else ''}: {each.how}" for each in ordered]
    lines.append("A debug file elsewhere: give --debug-file PATH, or --debug-directory DIR.")
    lines.append("Or record a QEMU built with debug information: analyze startup --version debian:7.2.")
    return "\n".join(lines)


def _ids(os_release: Path) -> list[str]:
    """The value of ID, then those of ID_LIKE; [] when the file cannot be read."""
    try:
        lines = os_release.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return [name.strip("\"'") for key in ("ID", "ID_LIKE") for name in values.get(key, "").strip("\"'").split()]
