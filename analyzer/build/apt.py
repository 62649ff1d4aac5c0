"""Packages of the distribution, of other releases of it too, through apt configurations of our own in the cache.

The mirror and the keys are the host's own; apt checks the signature of every index and the digest of every file.
Nothing of the system's is read but its list of archives, and nothing of it is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.build.cache import Cache
from analyzer.build.process import CommandError, Workshop, run
from analyzer.build.tell import Tell
from analyzer.errors import AnalyzerError

VERIFIED = "by apt, against the distribution's signed index"
_INDEX_FORMAT = "$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)"
_KEYRINGS = Path("/usr/share/keyrings")
# Releases whose archives a host of that origin may ask as well as its own, newest first.
_OTHER_SUITES = {"Debian": ("sid", "trixie", "bookworm", "bullseye"), "Ubuntu": ("noble", "jammy")}
# Those that still have a Python 2.7.
_PYTHON2_SUITES = {"Debian": ("bullseye",), "Ubuntu": ("jammy",)}
_PYTHON2_PACKAGES = ("python2.7", "python2.7-minimal", "libpython2.7-minimal", "libpython2.7-stdlib")


@dataclass(frozen=True)
class Archive:
    """A part of an archive: `suite` is a release of the distribution, or an addition to one."""

    origin: str
    site: str
    suite: str
    component: str

    def line(self, kind: str) -> str:
        """The entry for a sources.list; `kind` is deb or deb-src."""
        keyring = _KEYRINGS / f"{self.origin.lower()}-archive-keyring.gpg"
        signed = f"[signed-by={keyring}] " if keyring.exists() else ""
        return f"{kind} {signed}{self.site} {self.suite} {self.component}"


def archives_of(index_targets: str) -> list[Archive]:
    """The distribution's own archives among the host's package indexes, each once.

    `index_targets` has a line `origin|site|release|component` for each index.
    """
    found = [Archive(*line.split("|")) for line in index_targets.splitlines() if line.count("|") == 3]
    return list(dict.fromkeys(archive for archive in found if archive.origin in _OTHER_SUITES))


def in_suite(suite: str, archives: Sequence[Archive]) -> list[Archive]:
    """The same mirror's archives of another release: the release itself, without updates."""
    main = [archive for archive in archives if "-" not in archive.suite]
    return list(dict.fromkeys(replace(archive, suite=suite) for archive in main))


@dataclass(frozen=True)
class SourcePackage:
    """A fetched source package: its .dsc file and its version."""

    description: Path
    version: str


def fetch_source(package: str, version: str, cache: Cache, log: Path, tell: Tell) -> SourcePackage:
    """Download the newest source package of that version, "" for the host's newest.

    Asks the host's own release first and then the others. AnalyzerError when none has it, or apt fails.
    """
    own = _hosts_archives(log)
    tell.say(f"Asking the distribution for the source package {package} {version}".rstrip())
    groups = [("own", own)]
    if version:
        others = [
            suite for suite in _OTHER_SUITES[own[0].origin] if suite not in {archive.suite for archive in own}
        ]
        groups += [(suite, in_suite(suite, own)) for suite in others]
    seen: list[str] = []
    problems: list[str] = []
    for name, archives in groups:
        try:
            apt = _Apt(cache.folder / "apt" / name, archives, "deb-src", log)
            versions = apt.source_versions(package)
        except AnalyzerError as error:
            problems.append(f"{name}: {error.message}")
            continue
        seen += versions
        if chosen := next((found for found in versions if matches(version, found)), ""):
            tell.say(f"Fetching {package} {chosen}")
            return SourcePackage(apt.fetch_source(package, chosen, cache.downloads), chosen)
    available = ", ".join(dict.fromkeys(seen)) or "none: " + "; ".join(problems)
    raise AnalyzerError(
        f"The distribution has no source package {package} {version} (it has {available}).".replace("  ", " "),
        "Ask for one of these, as in debian:7.2; or build a tree of yours with --source DIR.",
    )


def fetch_python2(folder: Path, cache: Cache, log: Path, tell: Tell) -> None:
    """Unpack the packages of Python 2.7 into `folder`; nothing is installed. AnalyzerError when there are none."""
    own = _hosts_archives(log)
    tell.say("Fetching Python 2.7 from an older release of the distribution; nothing is installed")
    for suite in _PYTHON2_SUITES[own[0].origin]:
        apt = _Apt(cache.folder / "apt" / suite, in_suite(suite, own), "deb", log)
        for package in apt.fetch_packages(_PYTHON2_PACKAGES, cache.downloads):
            run(["dpkg-deb", "--extract", str(package), str(folder)], folder, Workshop(log))


def matches(asked: str, version: str) -> bool:
    """Whether package version `1:7.2+dfsg-7` is what `7.2`, `7.2+dfsg-7` or "" asks for."""
    bare = version.partition(":")[2] or version
    return not asked or bare == asked or bool(re.match(re.escape(asked) + r"(?![0-9])", bare))


def downloaded_version(description: Path) -> str:
    """The version in the name of a .dsc file, without its epoch."""
    return description.stem.partition("_")[2]


class _Apt:
    """apt with everything of its own below one folder."""

    def __init__(self, folder: Path, archives: Sequence[Archive], kind: str, log: Path) -> None:
        self._folder = folder / kind
        self._log = log
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        lines = [archive.line(kind) for archive in archives]
        (self._folder / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self._folder / "state" / "status").touch()  # what is installed here does not matter
        (self._folder / "apt.conf").write_text(self._settings(), encoding="utf-8")
        self._run(["apt-get", "-q", "update"])

    def source_versions(self, package: str) -> list[str]:
        """Versions of a source package, newest first."""
        text = self._run(["apt-cache", "showsrc", "--only-source", package])
        versions = re.findall(r"^Version: (\S+)", text, re.MULTILINE)
        return sorted(dict.fromkeys(versions), key=_sort_key, reverse=True)

    def fetch_source(self, package: str, version: str, folder: Path) -> Path:
        """The .dsc file, with all that it names beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._run(["apt-get", "-q", "source", "--download-only", "--only-source", f"{package}={version}"], folder)
        return folder / f"{package}_{version.partition(':')[2] or version}.dsc"

    def fetch_packages(self, names: Sequence[str], folder: Path) -> list[Path]:
        """The .deb files of binary packages."""
        folder.mkdir(parents=True, exist_ok=True)
        self._run(["apt-get", "-q", "download", *names], folder)
        files = (sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime) for name in names)
        return [found[-1] for found in files if found]

    def _settings(self) -> str:
        return (
            f'Dir::Etc::SourceList "{self._folder}/sources.list";\n'
            'Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State "{self._folder}/state";\n'
            f'Dir::State::status "{self._folder}/state/status";\n'
            f'Dir::State::Lists "{self._folder}/lists";\n'
            f'Dir::Cache "{self._folder}/cache";\n'
            # a cache below /root cannot be read by apt's own user
            'APT::Sandbox::User "root";\n'
            # expired signatures of a release that is kept as it was are still signatures
            'Acquire::Check-Valid-Until "false";\n'
            # an archive that cannot be had is an error, not a warning
            'APT::Update::Error-Mode "any";\n'
        )

    def _run(self, command: list[str], folder: Path | None = None) -> str:
        return _apt(command, folder or self._folder, self._log, {"APT_CONFIG": str(self._folder / "apt.conf")})


def _hosts_archives(log: Path) -> list[Archive]:
    targets = _apt(
        ["apt-get", "indextargets", "--format", _INDEX_FORMAT, "Created-By: Packages"], Path("/"), log, {}
    )
    if archives := archives_of(targets):
        return archives
    raise AnalyzerError(
        "This host's apt knows no archive of Debian or Ubuntu.",
        "Build a release, as in: analyze build 10.0.0; or a tree of yours: analyze build --source DIR.",
    )


def _apt(command: list[str], folder: Path, log: Path, environment: dict[str, str]) -> str:
    try:
        return run(command, folder, Workshop(log), more=environment)
    except FileNotFoundError:
        raise AnalyzerError(
            f"{command[0]} is missing: source packages are for Debian and Ubuntu.",
            "Build a release, as in: analyze build 10.0.0; or a tree of yours: analyze build --source DIR.",
        ) from None
    except CommandError as error:
        said = [line for line in error.output.splitlines() if line.startswith(("E:", "W:"))] or [error.output]
        raise AnalyzerError(
            f"`{' '.join(command[:2])}` failed: {' '.join(' '.join(said).split())[-400:]}",
            f"Is the package mirror reachable? All that was said: {log}",
        ) from None


def _sort_key(version: str) -> list[tuple[int, str]]:
    """Good enough for versions of one package: numbers as numbers, the rest as text."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", version)]
