"""Downloads packages of this and other releases of Debian or Ubuntu, with an apt configuration in the cache.

Mirror, proxy and keys are those of the host; no other setting or hook of it is used. apt checks the signature of
every index and the digest of every file.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analyzer.adapters.process import SYSTEM_PATH, CommandContext, CommandError, capture, run
from analyzer.build.cache import Cache
from analyzer.build.progress import Reporter, report_seconds
from analyzer.build.request import SourcePackage
from analyzer.errors import AnalyzerError
from analyzer.toml import load_toml

VERIFIED_BY_APT = "by apt, against the distribution's signed index"
_INDEX_FORMAT = "$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)"
_KEYRINGS = Path("/usr/share/keyrings")
_PYTHON2_PACKAGES = ("python2.7", "python2.7-minimal", "libpython2.7-minimal", "libpython2.7-stdlib")
_MIRROR_SETTINGS = re.compile(
    r"^(?:Acquire::\S*Proxy\S*|Acquire::https::\S*(?:CaInfo|CaPath)\S*) .*;$", re.MULTILINE
)
_OTHER_SOURCES_HINT = "Build a release, as in: analyze build 10.0.0; or your own tree: analyze build --source DIR."


@dataclass(frozen=True)
class Archive:
    """One component of a package archive; the fields are those of apt-get indextargets.

    `origin` is Debian or Ubuntu, `site` a URL, `suite` a release such as bookworm or bookworm-updates.
    """

    origin: str
    site: str
    suite: str
    component: str

    def line(self, kind: str) -> str:
        """The line for sources.list(5); `kind` is deb or deb-src."""
        keyring = _KEYRINGS / f"{self.origin.lower()}-archive-keyring.gpg"
        signed = f"[signed-by={keyring}] " if keyring.exists() else ""
        return f"{kind} {signed}{self.site} {self.suite} {self.component}"


def parse_index_targets(index_targets: str) -> list[Archive]:
    """The archives of Debian or Ubuntu that the host uses, without duplicates.

    `index_targets` has one line `origin|site|release|component` for each index; other lines are ignored.
    """
    found = [Archive(*line.split("|")) for line in index_targets.splitlines() if line.count("|") == 3]
    return list(dict.fromkeys(archive for archive in found if archive.origin in _suite_names("others")))


def archives_of_suite(suite: str, archives: Sequence[Archive]) -> list[Archive]:
    """The archives of another release on the same mirror: the release itself, without updates and backports."""
    main = [archive for archive in archives if "-" not in archive.suite]
    return list(dict.fromkeys(replace(archive, suite=suite) for archive in main))


def fetch_source(name: str, request: SourcePackage, cache: Cache, log: Path, reporter: Reporter) -> Path:
    """Download the newest source package `name` that matches the requested version; returns its .dsc file.

    Searches the host's release first, then those of suites.toml. AnalyzerError when none has it, or apt fails.
    """
    host_archives = _host_archives(log, request.origin)
    reporter.say(f"Searching the distribution for the source package {name} {request.version}".rstrip())
    groups = [("own", host_archives)]
    if request.version:
        others = _suite_names("others")[host_archives[0].origin]
        groups += [
            (suite, archives_of_suite(suite, host_archives))
            for suite in others
            if suite not in {a.suite for a in host_archives}
        ]
    available_versions: list[str] = []
    problems: list[str] = []
    for group, archives in groups:
        try:
            apt = _AptClient(cache.folder / "apt" / group, archives, "deb-src", log, reporter)
            versions = apt.source_versions(name)
        except AnalyzerError as error:
            problems.append(f"{group}: {error.message}")
            continue
        available_versions += versions
        if chosen := next((found for found in versions if version_matches(request.version, found)), ""):
            reporter.say(f"Fetching {name} {chosen}")
            return apt.fetch_source(name, chosen, cache.downloads)
    available = (
        ", ".join(dict.fromkeys(_without_epoch(version) for version in available_versions))
        or f"none; {' '.join(problems)}"
    )
    raise AnalyzerError(
        f"The distribution has no source package {name} {request.version} (it has {available}).".replace(
            "  ", " "
        ),
        "Give one of these, as in debian:7.2; or build your own tree with --source DIR.",
    )


def fetch_python2(folder: Path, cache: Cache, log: Path, reporter: Reporter) -> None:
    """Download the packages of Python 2.7 and unpack them into `folder`; nothing is installed.

    AnalyzerError when no release in suites.toml provides them.
    """
    host_archives = _host_archives(log)
    reporter.say("Fetching Python 2.7 from an older release of the distribution; nothing is installed")
    for suite in _suite_names("python2")[host_archives[0].origin]:
        apt = _AptClient(
            cache.folder / "apt" / suite, archives_of_suite(suite, host_archives), "deb", log, reporter
        )
        for package in apt.fetch_packages(_PYTHON2_PACKAGES, cache.downloads):
            run(["dpkg-deb", "--extract", str(package), str(folder)], folder, CommandContext(log))


def version_matches(requested: str, version: str) -> bool:
    """Whether a package version has the requested beginning: `7.2` matches `1:7.2+dfsg-7`, and so does ""."""
    return not requested or bool(
        re.match(re.escape(_without_epoch(requested)) + r"(?![0-9])", _without_epoch(version))
    )


def newest_first(versions: Sequence[str]) -> list[str]:
    """Package versions without duplicates, in the order of dpkg: `11.1.0~rc2` is older than `11.1.0`."""

    def compare(left: str, right: str) -> int:
        return -1 if capture(["dpkg", "--compare-versions", left, "gt", right]).succeeded else 1

    return sorted(dict.fromkeys(versions), key=functools.cmp_to_key(compare))


def _without_epoch(version: str) -> str:
    """The version without its epoch, as file names have it: `7.2+dfsg-7` for `1:7.2+dfsg-7`."""
    return version.partition(":")[2] or version


def _suite_names(use: str) -> dict[str, list[str]]:
    """Suites by origin, newest first; `use` is a table of suites.toml."""
    suites: dict[str, list[str]] = load_toml("analyzer.build", "suites.toml")[use]
    return suites


class _AptClient:
    """apt with its configuration, indexes and cache below one folder."""

    def __init__(
        self, folder: Path, archives: Sequence[Archive], kind: str, log: Path, reporter: Reporter
    ) -> None:
        self._folder = folder / kind
        self._log = log
        self._reporter = reporter
        for name in ("lists/partial", "cache/archives/partial", "state"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        lines = [archive.line(kind) for archive in archives]
        (self._folder / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self._folder / "state" / "status").touch()  # no package counts as installed
        (self._folder / "apt.conf").write_text(self._apt_conf(), encoding="utf-8")
        self._run(["apt-get", "-q", "update"])

    def source_versions(self, package: str) -> list[str]:
        """Available versions of a source package, newest first."""
        text = self._run(["apt-cache", "showsrc", "--only-source", package])
        versions = re.findall(r"^Version: (\S+)", text, re.MULTILINE)
        return newest_first(versions)

    def fetch_source(self, package: str, version: str, folder: Path) -> Path:
        """Download a source package into `folder`; returns its .dsc file."""
        folder.mkdir(parents=True, exist_ok=True)
        self._run(["apt-get", "-q", "source", "--download-only", "--only-source", f"{package}={version}"], folder)
        return folder / f"{package}_{_without_epoch(version)}.dsc"

    def fetch_packages(self, names: Sequence[str], folder: Path) -> list[Path]:
        """Download binary packages into `folder`; returns the .deb files that are there."""
        folder.mkdir(parents=True, exist_ok=True)
        self._run(["apt-get", "-q", "download", *names], folder)
        files = (sorted(folder.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime) for name in names)
        return [found[-1] for found in files if found]

    def _apt_conf(self) -> str:
        return (
            # this file is read first and disables all configuration files of the host, hooks included
            'Dir::Etc::Main "/dev/null";\n'
            'Dir::Etc::Parts "/dev/null";\n'
            f'Dir::Etc::SourceList "{self._folder}/sources.list";\n'
            'Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State "{self._folder}/state";\n'
            f'Dir::State::status "{self._folder}/state/status";\n'
            f'Dir::State::Lists "{self._folder}/lists";\n'
            f'Dir::Cache "{self._folder}/cache";\n'
            # the user _apt cannot read a cache below /root
            'APT::Sandbox::User "root";\n'
            'APT::Get::AllowUnauthenticated "false";\n'
            'Acquire::AllowInsecureRepositories "false";\n'
            'Acquire::AllowDowngradeToInsecureRepositories "false";\n'
            # the indexes of an archived release expire, their signatures stay valid
            'Acquire::Check-Valid-Until "false";\n'
            # an archive that is not available is an error, not a warning
            'APT::Update::Error-Mode "any";\n'
        ) + "\n".join(_MIRROR_SETTINGS.findall(_run_apt(["apt-config", "dump"], Path("/"), self._log, {})))

    def _run(self, command: list[str], folder: Path | None = None) -> str:
        environment = {"APT_CONFIG": str(self._folder / "apt.conf")}
        on_line = report_seconds(self._reporter, "Waiting for the package mirror")
        return _run_apt(command, folder or self._folder, self._log, environment, on_line)


def _host_archives(log: Path, origin: str = "") -> list[Archive]:
    command = ["apt-get", "indextargets", "--format", _INDEX_FORMAT, "Created-By: Packages"]
    archives = parse_index_targets(_run_apt(command, Path("/"), log, {}))
    if not archives:
        raise AnalyzerError(
            "apt has no package index of Debian or Ubuntu on this host.",
            f"Run: apt-get update. Or: {_OTHER_SOURCES_HINT}",
        )
    if origin and origin != archives[0].origin:
        raise AnalyzerError(
            f"This host runs {archives[0].origin}: source packages of {origin} are not available.",
            f"Say {archives[0].origin.lower()} or distribution. Or: {_OTHER_SOURCES_HINT}",
        )
    return archives


def _run_apt(
    command: list[str],
    folder: Path,
    log: Path,
    environment: dict[str, str],
    on_line: Callable[[str], None] | None = None,
) -> str:
    if shutil.which(command[0], path=SYSTEM_PATH) is None:
        raise AnalyzerError(
            f"{command[0]} is missing: this host does not run Debian or Ubuntu.", _OTHER_SOURCES_HINT
        )
    try:
        return run(command, folder, CommandContext(log), on_line, environment)
    except CommandError as error:
        said = [line for line in error.output.splitlines() if line.startswith(("E:", "W:"))] or [error.output]
        what = " ".join(word for word in command[:3] if not word.startswith("-"))
        raise AnalyzerError(
            f"`{what}` failed: {' '.join(said[-2:])}",
            f"Check that the package mirror is reachable. The whole output: {log}",
        ) from None
