"""The distribution's source package, fetched through a private apt configuration in the cache."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from analyzer.errors import AnalyzerError

_INDEX_FORMAT = "$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)"
_DISTRIBUTIONS = ("Debian", "Ubuntu")
_KEYRINGS = Path("/usr/share/keyrings")


def source_entries(index_targets: str) -> list[str]:
    """`deb-src` lines for the distribution's own archives among the host's package indexes.

    `index_targets` has a line `origin|site|release|component` for each index.
    """
    lines: dict[str, None] = {}
    for line in index_targets.splitlines():
        origin, site, release, component = line.split("|")
        if origin in _DISTRIBUTIONS:
            keyring = _KEYRINGS / f"{origin.lower()}-archive-keyring.gpg"
            signed = f"[signed-by={keyring}] " if keyring.exists() else ""
            lines[f"deb-src {signed}{site} {release} {component}"] = None
    return list(lines)


def fetch_source(package: str, folder: Path) -> Path:
    """Download the newest source package into `folder`; returns its .dsc file.

    apt checks the signature of the index and the digest of each file. Raises AnalyzerError when it fails.
    """
    environment = _private_configuration(folder)
    _run(["apt-get", "-q", "update"], folder, environment)
    _run(["apt-get", "-q", "source", "--download-only", package], folder, environment)
    descriptions = sorted(folder.glob(f"{package}_*.dsc"), key=lambda path: path.stat().st_mtime)
    if not descriptions:
        raise AnalyzerError(f"apt fetched no source package {package}.", f"Look into {folder}.")
    return descriptions[-1]


def _private_configuration(folder: Path) -> dict[str, str]:
    """Environment that makes apt keep everything below `folder`."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    targets = _run(
        ["apt-get", "indextargets", "--format", _INDEX_FORMAT, "Created-By: Packages"], folder, dict(os.environ)
    )
    entries = source_entries(targets)
    if not entries:
        raise AnalyzerError(
            "This host's apt configuration names no archive of Debian or Ubuntu.",
            "Give a QEMU of your own: make startup QEMU=/path/to/qemu-system-x86_64",
        )
    (folder / "sources.list").write_text("\n".join(entries) + "\n", encoding="utf-8")
    configuration = folder / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::SourceList "{folder}/sources.list";\n'
        'Dir::Etc::SourceParts "/dev/null";\n'
        f'Dir::State::Lists "{folder}/lists";\n'
        f'Dir::Cache "{folder}/cache";\n'
        'APT::Sandbox::User "root";\n',
        encoding="utf-8",
    )
    return {**os.environ, "APT_CONFIG": str(configuration)}


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=1800
        )
    except FileNotFoundError:
        raise AnalyzerError(
            f"{command[0]} is missing: only Debian and Ubuntu build a QEMU by themselves so far.",
            "Give a QEMU of your own: make startup QEMU=/path/to/qemu-system-x86_64",
        ) from None
    if done.returncode:
        last = " ".join(done.stderr.split())[-400:]
        raise AnalyzerError(f"`{' '.join(command)}` failed: {last}", "Is the package mirror reachable?")
    return done.stdout
