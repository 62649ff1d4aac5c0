"""`make matrix`: builds three releases of QEMU in both profiles, and one with options of distributions; records
`startup` on each, writes the gallery.

Needs what the tests need, and an hour when nothing is cached. Writes the table `reports/gallery/matrix.md`,
the reports of the debug builds beside it, and the baselines in `tests/recorded/`. The reports have no source
excerpts: this repository contains no source of QEMU.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analyzer.build.cache import Cache
from analyzer.build.provenance import provenance_of
from analyzer.graph.merge import graph_of
from analyzer.model.recording import Recording
from analyzer.recording.reader import FILE_NAME
from tests.bench.comparisons import write_baselines, write_comparisons
from tests.bench.distribution_builds import BUILDS, PROFILE, RELEASE, DistributionBuild, contradictions
from tests.bench.pictures import take_pictures
from tests.qemu.pointer_table import Verdict, compare
from tests.support.definitions import read_recording

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "reports" / "gallery"
ANALYZE = Path(sys.executable).with_name("analyze")
RELEASES = ("debian:5.2", "debian:7.2", "debian:10.0")
IO_RELEASE = "debian:7.2"
PROFILES = ("debug", "release")


@dataclass(frozen=True)
class Row:
    """The recording of one build: a row of the table."""

    recording: Recording
    seconds: int  # duration of the build
    options: str = ""  # name of the options of a distribution that it was built with

    @property
    def verdicts(self) -> list[Verdict]:
        """The pointers of the chains, each compared with the sources of QEMU."""
        return list(compare(graph_of(self.recording)))

    @property
    def cells(self) -> tuple[str, ...]:
        recording, build = self.recording, self.recording.header.build
        reached = len(recording.milestones) - len(recording.not_reached)
        deepest = max(len(stop.frames) for stop in recording.stops)
        return (
            recording.header.qemu_version,
            str(build["source"]),
            " ".join(filter(None, (str(build["profile"]), self.options))),
            str(build["compiler"]),
            f"{self.seconds} s",
            f"{reached} of {len(recording.milestones)}",
            f"{sum(verdict.found for verdict in self.verdicts)} of {len(self.verdicts)}",
            str(len(recording.ioctl_log)),
            str(sum(bool(entry.kernel) for entry in recording.ioctl_log)),
            str(deepest),
            str(recording.exit.status if recording.exit else "none"),
        )


HEADINGS = (
    "QEMU", "source package", "profile", "compiler", "build time", "milestones reached",
    "pointers explained correctly", "ioctls", "ioctls with a kernel stack", "deepest stack",
    "exit status of the guest",
)  # fmt: skip


def main() -> int:
    """Build, record and write all; returns 1 when a milestone or a pointer is missing, else 0."""
    with tempfile.TemporaryDirectory() as name:
        folders: dict[str, Path] = {}
        rows = [_record(release, profile, Path(name), folders) for release in RELEASES for profile in PROFILES]
        write_baselines(folders)
        write_comparisons(folders)
        distribution_rows = [_record_distribution_build(build, Path(name)) for build in BUILDS]
    _write_table([*rows, *distribution_rows])
    take_pictures()
    for row in rows:
        for verdict in row.verdicts:
            print(row.recording.header.qemu_version, "found" if verdict.found else "NOT FOUND", verdict.row.slot)
    every_row = [*rows, *distribution_rows]
    incomplete = [row for row in every_row if row.recording.not_reached]
    print(f"{len(every_row)} builds, {len(incomplete)} of them incomplete: {GALLERY / 'matrix.md'}")
    wrong = [verdict for row in rows for verdict in row.verdicts if not verdict.found]
    contradicted = list(_print_contradictions(rows, distribution_rows))
    return 1 if incomplete or wrong or contradicted else 0


def _print_contradictions(rows: list[Row], distribution_rows: list[Row]) -> Iterator[str]:
    """Print and yield what the builds with options of distributions have otherwise than the plain build."""
    plain = rows[RELEASES.index(RELEASE) * len(PROFILES) + PROFILES.index(PROFILE)]
    for row in distribution_rows:
        for sentence in contradictions(graph_of(row.recording), graph_of(plain.recording)):
            print(f"{row.options}: {sentence}")
            yield sentence


def _record_distribution_build(build: DistributionBuild, place: Path) -> Row:
    """Build and record a release with the options of `build`; no baseline and no report is written of it."""
    qemu = Path(_run("build", RELEASE, "--profile", PROFILE, "--", *build.arguments).strip())
    _run("startup", "--no-pointer-cache", "--qemu", str(qemu), "--out", str(place / build.name))
    recording = read_recording(place / build.name)
    facts = provenance_of(qemu, recording.header.build_id)
    return Row(recording, int(facts["seconds"]), build.name)


def _record(release: str, profile: str, place: Path, folders: dict[str, Path]) -> Row:
    """Build and record a release into a folder of `place`, and add that to `folders` by version and profile."""
    qemu = Path(_run("build", release, "--profile", profile).strip())
    folder = place / "run"
    _run("startup", "--no-pointer-cache", "--qemu", str(qemu), "--out", str(folder))
    recording = read_recording(folder)
    version = recording.header.qemu_version
    facts = provenance_of(qemu, recording.header.build_id)
    folders[f"{version}-{profile}"] = folder = folder.rename(place / f"{version}-{profile}")
    _make_neutral(folder / FILE_NAME)
    if profile == "debug":
        _run("report", str(folder), "-o", str(GALLERY / f"startup-{version}.html"))
        folders[f"io-{version}-debug"] = _record_io(qemu, place / f"io-{version}-debug")
        if release == IO_RELEASE:
            _run("report", str(place / f"io-{version}-debug"), "-o", str(GALLERY / f"io-{version}.html"))
    return Row(recording, int(facts["seconds"]))


def _record_io(qemu: Path, folder: Path) -> Path:
    _run("io", "--qemu", str(qemu), "--out", str(folder))
    _make_neutral(folder / FILE_NAME)
    return folder


def _run(*arguments: str) -> str:
    print("analyze", *arguments, flush=True)
    return subprocess.run([ANALYZE, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def _make_neutral(file: Path) -> None:
    """Remove the source excerpts and the paths of this host from a recording."""
    lines = file.read_text(encoding="utf-8").splitlines()
    other = [line for line in lines if json.loads(line)["record"] != "source"]
    text = "\n".join(other) + "\n"
    text = text.replace(str(Cache.default().folder), "/home/user/.cache/qemu-callchain").replace(f"{ROOT}/", "")
    file.write_text(text, encoding="utf-8")


def _write_table(rows: list[Row]) -> None:
    host = rows[0].recording.header
    lines = [
        "# Builds and recordings",
        "",
        f"Written by `make matrix` on {host.host}, gdb {host.gdb_version}. Build times are those in",
        "build.json, on two processors under varying load: they cannot be compared.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(row.cells) + " |" for row in rows),
        "",
        "The reports of the debug builds, without source excerpts: "
        + ", ".join(
            f"[{row.recording.header.qemu_version}](startup-{row.recording.header.qemu_version}.html)"
            for row in rows
            if row.recording.header.build["profile"] == "debug"
        )
        + "; the I/O of a guest: "
        + ", ".join(
            f"[{file.stem.removeprefix('io-')}]({file.name})" for file in sorted(GALLERY.glob("io-*.html"))
        )
        + ".",
        "",
        "Changes between versions (1.6.0 is the backtrace of a published walk-through): "
        + ", ".join(
            f"[{file.stem.removeprefix('diff-').replace('-', ' to ')}]({file.name})"
            for file in sorted(GALLERY.glob("diff-*.md"))
        )
        + ". Each is also a page (`.html`).",
    ]
    (GALLERY / "matrix.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
