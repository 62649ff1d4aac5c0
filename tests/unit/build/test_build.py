"""What a build decides before it runs anything: options, tools, archives, remedies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzer.build.apt import archives_of_suite, parse_index_targets, version_matches
from analyzer.build.configure_and_make import firmware_file_names
from analyzer.build.host_packages import MissingPackagesError, check_requirements, failure_remedy
from analyzer.build.plan import choose_options, offered_names
from analyzer.build.python_and_meson import TreeFiles, python_packages, tool_options
from analyzer.build.request import (
    BuildSettings,
    LocalSource,
    Profile,
    Release,
    SourcePackage,
    parse_build_request,
    parse_target,
)
from analyzer.commands.build import BuildOptions, _request
from analyzer.errors import UsageError
from analyzer.toml import load_toml

HELP = Path(__file__).parents[1] / "configure-help"
APPROVED = Path(__file__).parents[1] / "approved"
RELEASES = ["2.2", "5.2", "7.2", "10.0"]


def chosen(release: str, settings: BuildSettings) -> list[str]:
    return choose_options(offered_names((HELP / f"{release}.txt").read_text()), settings)


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("release", RELEASES)
def test_the_options_for_a_release_are_the_approved_ones(release, profile):
    """`APPROVE=1 .venv/bin/pytest tests/unit/build/test_build.py` accepts what changed."""
    file = APPROVED / f"configure-{release}-{profile.value}.txt"
    actual = "\n".join(chosen(release, BuildSettings(profile))) + "\n"
    if os.environ.get("APPROVE") == "1":
        file.write_text(actual)
    assert actual == file.read_text()


@pytest.mark.parametrize("release", RELEASES)
def test_every_option_is_one_that_configure_offers(release):
    offered = offered_names((HELP / f"{release}.txt").read_text())
    for option in chosen(release, BuildSettings()):
        name = option.partition("=")[0].removeprefix("--")
        # as it stands there, or as a feature that is listed bare and can be both
        assert name in offered or {name.partition("-")[2]} <= offered - {f"enable-{name.partition('-')[2]}"}, (
            option
        )


def test_an_option_that_can_only_be_enabled_is_not_disabled():
    text = "  --target-list=LIST\n  --enable-rbd\n  --disable-sdl\n  --enable-sdl\n"
    assert choose_options(offered_names(text), BuildSettings()) == [
        "--target-list=x86_64-softmmu",
        "--disable-sdl",
    ]


def test_an_option_that_only_the_text_of_configure_tells_of_is_used_as_well():
    text = "  --target-list=LIST\n  --enable-fdt\n"
    assert choose_options(
        offered_names(text), BuildSettings(), 'case "$opt" in\n  --disable-download) download=disabled ;;'
    ) == [
        "--target-list=x86_64-softmmu",
        "--disable-download",
    ]


def test_kvm_is_asked_for_where_the_machine_is_of_the_hosts_kind():
    assert "--enable-kvm" in chosen("10.0", BuildSettings())
    other = chosen("10.0", BuildSettings(target="s390x-softmmu"))
    assert "--enable-kvm" not in other
    assert other[0] == "--target-list=s390x-softmmu"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.6.0", Release("1.6.0")),
        ("v10.0", Release("10.0.0")),
        ("qemu-7.2.3", Release("7.2.3")),
        ("11.1.0-rc2", Release("11.1.0-rc2")),
        ("debian", SourcePackage("", origin="Debian")),
        ("distribution", SourcePackage("")),
        ("distribution:7.2", SourcePackage("7.2")),
        ("debian:7.2", SourcePackage("7.2", origin="Debian")),
        ("debian:7.2+dfsg-7+deb12u18", SourcePackage("7.2+dfsg-7+deb12u18", origin="Debian")),
        ("ubuntu:8.2", SourcePackage("8.2", origin="Ubuntu")),
    ],
)
def test_what_can_be_asked_for(text, expected):
    assert parse_build_request(text) == expected


@pytest.mark.parametrize(
    "text", ["1.5.3", "0.15", "seven", "", "7", "debian:", "../../etc", "7.2.0.1.1", "fedora:7"]
)
def test_what_cannot_be_asked_for_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse_build_request(text)


def test_targets_are_system_emulators():
    assert parse_target("aarch64") == parse_target("aarch64-softmmu") == "aarch64-softmmu"
    with pytest.raises(UsageError):
        parse_target("x86_64-linux-user")


def asked(**changes):
    fields = dict(
        what="", source=None, profile="debug", target="x86_64", sha256="", unverified=False, mirror="",
        update=False, jobs=1, arguments=(),
    )  # fmt: skip
    return BuildOptions(**(fields | changes))


def test_a_source_of_ones_own_excludes_what_is_for_downloads(tmp_path):
    assert _request(asked(source=tmp_path)) == LocalSource(tmp_path)
    for wrong in (
        asked(source=tmp_path, mirror="http://x"),
        asked(source=tmp_path, sha256="0" * 64),
    ):
        with pytest.raises(UsageError):
            _request(wrong)


OLD = 'if "$python" -c "sys.version_info >= (3,)"\n"Note that Python 3 or later is not yet supported."'
PYTHONDEPS = """
[meson]
meson = { accepted = ">=1.5.0", installed = "1.5.0" }
pycotap = { accepted = ">=1.1.0", installed = "1.3.1" }
[docs]
sphinx = { accepted = ">=3" }
"""
NEW = ("ninja", "setuptools", "distlib", "tomli")
TREES = {
    "1.6": TreeFiles(OLD, "", "", False, False),
    "3.1": TreeFiles("python=${PYTHON-python}", "", "", False, False),
    "4.2": TreeFiles('for binary in "${PYTHON-python3}" python', "", "", False, False),
    "5.2 official": TreeFiles(
        'version_ge "$(meson --version)" 0.55.3', "meson_version: '>=0.55.0'", "", True, False
    ),
    "5.2 Debian": TreeFiles(
        'version_ge "$(meson --version)" 0.55.3', "meson_version: '>=0.55.0'", "", False, False
    ),
    "8.1": TreeFiles("$mkvenv ensure 'meson>=0.63.0'", "meson_version: '>=0.63.0'", "", False, True),
    "10.0": TreeFiles("mkvenv", "meson_version: '>=1.5.0'", PYTHONDEPS, False, True),
}


@pytest.mark.parametrize(
    ("tree", "packages", "option"),
    [
        ("1.6", (), "--python=/py2"),
        ("3.1", (), "--python=/usr/bin/python3"),
        ("4.2", (), None),
        ("5.2 official", ("ninja", "setuptools"), "--meson=internal"),
        ("5.2 Debian", ("ninja", "setuptools", "meson~=0.55.3"), "--meson=/env/bin/meson"),
        ("8.1", (*NEW, "meson~=0.63.0"), "--python=/env/bin/python3"),
        (
            "10.0",
            (*NEW, "meson==1.5.0", "pycotap==1.3.1"),
            "--python=/env/bin/python3",
        ),
    ],
)
def test_the_tree_says_which_python_and_which_meson_it_wants(tree, packages, option):
    assert python_packages(TREES[tree]) == packages
    offered = {"meson"} if tree.startswith("5") else {"python"}
    options = tool_options(TREES[tree], offered, Path("/env"), Path("/py2"))
    assert options == ([option] if option else [])


def test_firmware_is_looked_for_under_the_name_the_build_uses():
    text = (
        "fds = [\n 'edk2-i386-code.fd',\n]\nblobs = [\n 'bios.bin',\n 'QEMU,tcx.bin',\n]\n"
        "foreach f : [\n 'bamboo.dts',\n]\nout = fs.replace_suffix(f, '.dtb')"
    )
    assert firmware_file_names(text) == ["edk2-i386-code.fd.bz2", "bios.bin", "QEMU,tcx.bin", "bamboo.dtb"]


TARGETS = (
    "Debian|http://mirror.example/debian|bookworm|main\n"
    "Debian|http://mirror.example/debian|bookworm|main\n"
    "Debian|http://mirror.example/debian|bookworm-updates|main\n"
    "Debian|http://mirror.example/debian-security|bookworm-security|main\n"
    "Somebody|http://elsewhere.example/x|stable|main\n"
    "broken line\n"
)


def test_archives_are_the_hosts_own_and_no_strangers():
    archives = parse_index_targets(TARGETS)
    assert [archive.suite for archive in archives] == ["bookworm", "bookworm-updates", "bookworm-security"]
    line = archives[0].line("deb-src")
    assert line.startswith("deb-src ")
    assert line.endswith("http://mirror.example/debian bookworm main")


def test_another_release_is_asked_of_the_same_mirror():
    assert [
        archive.line("deb").split()[-3:] for archive in archives_of_suite("bullseye", parse_index_targets(TARGETS))
    ] == [["http://mirror.example/debian", "bullseye", "main"]]


@pytest.mark.parametrize(
    ("asked_for", "version", "fits"),
    [
        ("7.2", "1:7.2+dfsg-7+deb12u18", True),
        ("7.2", "1:7.20+dfsg-1", False),
        ("7", "1:7.2+dfsg-7", True),
        ("1", "1:7.2+dfsg-7", False),
        ("10.0", "1:10.0.13+ds-0", True),
        ("7.2+dfsg-7", "1:7.2+dfsg-7", True),
        ("", "1:7.2+dfsg-7", True),
        ("5.2", "1:7.2+dfsg-7", False),
        ("1:7.2+dfsg-7", "1:7.2+dfsg-7", True),
    ],
)
def test_a_version_is_matched_by_its_beginning(asked_for, version, fits):
    assert version_matches(asked_for, version) is fits


@pytest.mark.parametrize(
    ("said", "helps"),
    [
        ("ERROR: glib-2.12 gthread-2.0 is required to compile QEMU", "libglib2.0-dev"),
        ("Error: zlib check failed\nMake sure to have the zlib libs and headers installed.", "zlib1g-dev"),
        ("ERROR: pixman >= 0.21.8 not present. Your options:", "libpixman-1-dev"),
        ("Note that Python 3 or later is not yet supported.", "python2.7"),
        ("foo.o: undefined reference to `makedev'", "sysmacros.h"),
        ("vl.o:(.bss+0x0): multiple definition of `ram_size'", "-fcommon"),
        ("static declaration of 'memfd_create' follows non-static declaration", "2.12 or later"),
        ("cc1: all warnings being treated as errors", "--disable-werror"),
        ("error: implicit declaration of function 'f' [-Wimplicit-function-declaration]", "-fpermissive"),
        ("/usr/bin/ld: undefined reference to `timer_settime'", "-lrt"),
        ("ld: -nopie: unable to disambiguate: -nopie", "option ROMs"),
        ("fatal error: error writing to x.s: No space left on device", "XDG_CACHE_HOME"),
        ("This is not a GIT checkout but module content appears to be missing", "git submodule update"),
        ("ERROR: unknown option --disable-foo", "after --"),
        ("nothing anybody has seen before", ""),
    ],
)
def test_known_failures_have_their_remedy(said, helps):
    remedy = failure_remedy(said)
    assert helps in remedy
    assert bool(remedy) == bool(helps)


def test_what_is_missing_is_named_with_the_packages_of_three_managers(tmp_path, monkeypatch):
    monkeypatch.setattr("analyzer.build.host_packages.SYSTEM_PATH", str(tmp_path))
    with pytest.raises(MissingPackagesError) as error:
        check_requirements(["make"])
    for part in ("apt-get install gcc", "dnf install gcc", "pacman -S gcc", "pkgconf"):
        assert part in error.value.hint
    assert "the C compiler" in error.value.message
    assert error.value.command == ()


def test_every_known_failure_has_a_remedy_or_names_what_is_missing():
    names = {
        need.get("program") or need.get("library") or need["header"]
        for need in load_toml("analyzer.build", "host_packages.toml")["requirement"]
    }
    for failure in load_toml("analyzer.build", "failure_remedies.toml")["failure"]:
        assert ("remedy" in failure) != ("missing" in failure)
        assert failure.get("missing", "cc") in names
