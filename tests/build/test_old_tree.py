"""A release of 2013 on a new distribution, end to end: a stand-in of ours in the shape of the old build system.

Real are: Python 2.7 from an older release of the distribution, the compiler and its flags, configure, make.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from analyzer.build.build_or_fetch import build_or_fetch
from analyzer.build.cache import Cache
from analyzer.build.compiler_flags import IDIOMS, compile_check, old_c_flags
from analyzer.build.python2 import prepare_python2, python2_path, runs_python2
from analyzer.build.request import BuildSettings, LocalSource, Profile, Release
from analyzer.errors import AnalyzerError
from tests.build.conftest import RecordedReporter, old_tree, pack
from tests.conftest import need_tool

TWO_AT_ONCE = BuildSettings(jobs=2)


@pytest.fixture(scope="module")
def python2_cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """A cache that has a private Python 2.7 of the distribution's packages, the host's own left out of account."""
    need_tool("apt-get")
    cache = Cache(tmp_path_factory.mktemp("python2") / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.build.python2._host_python2", lambda: None)
        prepare_python2(cache, cache.logs / "apt.log", RecordedReporter())
    return cache


@pytest.fixture
def cache(python2_cache: Cache, tmp_path: Path) -> Cache:
    """A cache of its own, which shares the interpreter."""
    own = Cache(tmp_path / "cache")
    own.tools.mkdir(parents=True)
    (own.tools / "python2.7").symlink_to(python2_cache.tools / "python2.7")
    return own


def test_the_private_python_2_runs_what_only_python_2_runs(python2_cache):
    path = python2_path(python2_cache)
    assert runs_python2(path)
    code = "import json, hashlib\nprint json.dumps({'a': 0644}), `1`, hashlib.md5('x').hexdigest()[:4]"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=True, env={})
    assert done.stdout == '{"a": 420} 1 9dd4\n'


def test_nothing_is_installed_for_it(python2_cache):
    installed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", "python2.7-minimal"], capture_output=True, text=True, check=False
    )
    assert "ok installed" not in installed.stdout
    texts = [path.read_text(errors="replace") for path in Path("/etc/apt").rglob("*") if path.is_file()]
    assert not any("callchain" in text or str(python2_cache.folder) in text for text in texts)
    lists = [path.name for path in Path("/var/lib/apt/lists").iterdir()]
    assert not any("bullseye" in name for name in lists)


def test_without_a_python_2_the_next_step_is_named(tmp_path, reporter, monkeypatch):
    def nothing(*_):
        raise AnalyzerError("The mirror has it no more.")

    monkeypatch.setattr("analyzer.build.python2._host_python2", lambda: None)
    monkeypatch.setattr("analyzer.build.python2.fetch_python2", nothing)
    lonely = Cache(tmp_path / "lonely")
    with pytest.raises(AnalyzerError, match=r"needs Python 2\.7.*The mirror has it no more") as error:
        build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), TWO_AT_ONCE, lonely, reporter)
    assert "Put a python2.7 into PATH" in error.value.hint
    assert not python2_path(lonely).exists()


def test_an_interpreter_that_only_pretends_is_not_taken(tmp_path):
    pretender = tmp_path / "python2.7"
    pretender.write_text("#!/bin/sh\necho 'python2.7: command not found' >&2\nexit 127\n")
    pretender.chmod(0o755)
    assert not runs_python2(pretender)


def test_the_official_tarball_is_fetched_checked_and_built(server, cache, reporter, tmp_path):
    tarball = pack(old_tree(tmp_path / "tree"), server.folder / "qemu-1.6.0.tar.bz2", "qemu-1.6.0")
    sha256 = subprocess.run(["sha256sum", tarball], capture_output=True, text=True, check=True).stdout.split()[0]
    built = build_or_fetch(Release("1.6.0", sha256=sha256, mirror=server.url), TWO_AT_ONCE, cache, reporter)
    said = subprocess.run([built.program], capture_output=True, text=True, check=True).stdout
    assert said == "QEMU emulator version 1.6.0, 15 run states, 128\n"
    assert built.program.parts[-2:] == ("x86_64-softmmu", "qemu-system-x86_64")
    facts = built.provenance
    assert facts["source"] == "qemu-1.6.0.tar.bz2"
    assert facts["source sha256"] == sha256
    assert facts["verified"] == "against the sha256 the user gave"
    assert facts["version"] == "1.6.0"
    assert "--python=$CACHE/tools/python2.7/bin/python2.7" in facts["configure"]
    assert len(facts["build_id"]) == 40
    assert Path(facts["log"]).read_text().count("subdir-x86_64-softmmu") >= 1


def test_a_wrong_sum_builds_nothing(server, cache, reporter, tmp_path):
    pack(old_tree(tmp_path / "tree"), server.folder / "qemu-1.6.0.tar.bz2", "qemu-1.6.0")
    with pytest.raises(AnalyzerError, match=r"3132e58ada26d43b6924e8c2f07db80aa1e5022f3dcf03dee7d8bb9194b2cb48"):
        build_or_fetch(Release("1.6.0", mirror=server.url), TWO_AT_ONCE, cache, reporter)
    assert not cache.builds.exists()


def test_only_what_configure_offers_is_asked_for(cache, reporter, tmp_path):
    built = build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), TWO_AT_ONCE, cache, reporter)
    line = built.provenance["configure"]
    for option in ("--enable-kvm", "--enable-debug", "--disable-virtfs", "--disable-docs", "--disable-blobs"):
        assert option in line.split()
    for option in ("--disable-gtk", "--without-default-features", "--disable-rbd", "--meson"):
        assert option not in line


def test_progress_counts_the_steps_of_make(cache, reporter, tmp_path):
    build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), BuildSettings(jobs=1), cache, reporter)
    assert ("Linking", 3, 3) in reporter.steps
    assert ("Compiling", 1, 3) in reporter.steps


def test_the_second_time_the_cache_answers_in_under_a_second(cache, reporter, tmp_path):
    tree = old_tree(tmp_path / "tree")
    first = build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter)
    began = time.monotonic()
    second = build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter)
    assert time.monotonic() - began < 1
    assert (first.fresh, second.fresh) == (True, False)
    assert first.program == second.program


def test_another_profile_another_argument_or_another_content_is_another_build(cache, reporter, tmp_path):
    tree = old_tree(tmp_path / "tree")
    names = {build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter).name}
    names.add(build_or_fetch(LocalSource(tree), BuildSettings(Profile.RELEASE), cache, reporter).name)
    names.add(
        build_or_fetch(LocalSource(tree), BuildSettings(arguments=("--disable-tools",)), cache, reporter).name
    )
    (tree / "vl.c").write_text((tree / "vl.c").read_text() + "/* changed */\n")
    names.add(build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter).name)
    assert len(names) == 4


def test_profiles_compile_as_they_promise(cache, reporter, tmp_path):
    tree = old_tree(tmp_path / "tree")
    debug = build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter)
    release = build_or_fetch(LocalSource(tree), BuildSettings(Profile.RELEASE), cache, reporter)
    debug_log, release_log = (Path(built.provenance["log"]).read_text() for built in (debug, release))
    assert "-O2" not in debug_log
    assert "-fno-optimize-sibling-calls" in debug_log
    assert "-fno-optimize-sibling-calls" not in release_log


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("vl.c", "int main", "#include <pixman.h>\nint main", "libpixman-1-dev"),
        ("vl.c", "pc_init(argc);", "makedev_(); int *p = makedev(1, 2, 3);", "make failed"),
        ("hw/pc.c", "int ram_size;", "int ram_size = 1; char *main = 0;", "-fcommon"),
        ("configure", 'error_exit "Unknown', 'error_exit "pixman >= 0.21.8 not present. Unknown', "libpixman"),
        ("scripts/qapi-types.py", "import sys", "import sys, not_a_module", "not_a_module"),
    ],
    ids=["header", "undeclared", "twice", "configure", "generator"],
)  # fmt: skip
def test_a_failing_step_shows_its_last_lines_and_keeps_the_log(file, old, new, says, cache, reporter, tmp_path):
    tree = old_tree(tmp_path / "tree")
    text = (tree / file).read_text()
    assert old in text
    (tree / file).write_text(text.replace(old, new))
    target = "aarch64-softmmu" if file == "configure" else "x86_64-softmmu"
    with pytest.raises(AnalyzerError) as error:
        build_or_fetch(LocalSource(tree), BuildSettings(target=target), cache, reporter)
    assert says in error.value.message + error.value.hint
    log = Path(error.value.hint.rpartition("The whole log: ")[2])
    assert log.is_file()
    assert log.stat().st_size
    assert not list(cache.builds.iterdir())  # as before


def test_an_argument_that_configure_does_not_know_is_explained(cache, reporter, tmp_path):
    with pytest.raises(AnalyzerError) as error:
        build_or_fetch(
            LocalSource(old_tree(tmp_path / "tree")), BuildSettings(arguments=("--enable-warp",)), cache, reporter
        )
    assert "unknown option --enable-warp" in error.value.message
    assert "If you gave it after --" in error.value.hint


def test_a_compiler_that_is_not_there_is_named(cache, reporter, tmp_path):
    settings = BuildSettings(arguments=("--cc=no-such-compiler",))
    with pytest.raises(AnalyzerError, match="The C compiler no-such-compiler does not exist") as error:
        build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), settings, cache, reporter)
    assert "absolute path" in error.value.hint


def test_the_compiler_here_is_really_asked():
    compiles = compile_check(["cc"])
    assert compiles(("int main(void) { return 0; }",), ())
    assert not compiles(("int main(void) { return 0 }",), ())
    flags = old_c_flags(compiles)
    for idiom in IDIOMS:
        assert compiles(idiom.files, flags), idiom.name


def test_a_stricter_compiler_gets_more_flags(tmp_path):
    """A compiler that refuses what gcc 14 refuses, whatever the one here is."""
    strict = ["cc", "-fno-common", "-Werror=implicit-function-declaration", "-Werror=int-conversion"]
    strict += ["-Werror=incompatible-pointer-types", "-Werror=implicit-int"]
    flags = old_c_flags(compile_check(strict))
    assert "-fcommon" in flags
    assert {"-Wno-error=implicit-function-declaration", "-Wno-error=int-conversion"} <= set(flags)


def test_a_lenient_compiler_gets_none():
    assert old_c_flags(lambda _files, _flags: True) == []


def test_an_idiom_that_nothing_helps_is_passed_over():
    assert old_c_flags(lambda files, _flags: files == ("int main(void) { return 0; }",)) == []


def test_a_compiler_that_makes_nothing_is_no_compiler_and_is_not_remembered(cache, reporter, tmp_path):
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\ntest $1 = --version && echo broken 1.0\n")
    broken.chmod(0o755)
    settings = BuildSettings(arguments=(f"--cc={broken}",))
    with pytest.raises(AnalyzerError, match="cannot compile an empty program"):
        build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), settings, cache, reporter)
    broken.write_text('#!/bin/sh\nexec cc "$@"\n')
    build_or_fetch(LocalSource(tmp_path / "tree"), settings, cache, reporter)


def test_a_help_text_that_was_not_kept_whole_is_asked_for_again(cache, reporter, tmp_path):
    tree = old_tree(tmp_path / "tree")
    first = build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter)
    next(cache.sources.glob("*/help.json")).write_text("")
    again = build_or_fetch(LocalSource(tree), TWO_AT_ONCE, cache, reporter)
    assert (again.name, again.fresh) == (first.name, False)


def test_what_the_users_shell_has_first_in_path_decides_nothing(cache, reporter, tmp_path, monkeypatch):
    for name in ("cc", "pkg-config", "make"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PKG_CONFIG_LIBDIR", str(tmp_path))
    assert build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), TWO_AT_ONCE, cache, reporter).fresh


def test_another_compiler_behind_the_same_name_is_another_build(cache, reporter, tmp_path):
    tree = old_tree(tmp_path / "tree")
    wrapper = tmp_path / "cc"
    names = set()
    for define in ("-DONE", "-DTWO"):
        wrapper.write_text(f'#!/bin/sh\nexec cc {define} "$@"\n')
        wrapper.chmod(0o755)
        names.add(
            build_or_fetch(LocalSource(tree), BuildSettings(arguments=(f"--cc={wrapper}",)), cache, reporter).name
        )
    assert len(names) == 2


def test_what_is_known_of_the_source_later_comes_into_build_json(server, cache, reporter, tmp_path):
    tarball = pack(old_tree(tmp_path / "tree"), server.folder / "qemu-9.9.9.tar.xz", "qemu-9.9.9")
    sha256 = hashlib.sha256(tarball.read_bytes()).hexdigest()
    blind = Release("9.9.9", unverified=True, mirror=server.url)
    assert build_or_fetch(blind, TWO_AT_ONCE, cache, reporter).provenance["verified"] == "no: --unverified"
    knowing = build_or_fetch(Release("9.9.9", sha256=sha256, mirror=server.url), TWO_AT_ONCE, cache, reporter)
    assert not knowing.fresh
    assert knowing.provenance["verified"] == "against the sha256 the user gave"
    assert (
        build_or_fetch(blind, TWO_AT_ONCE, cache, reporter).provenance["verified"]
        == "against the sha256 the user gave"
    )


def test_what_a_server_sent_unasked_is_not_kept(server, cache, reporter, tmp_path):
    (server.folder / "qemu-9.9.9.tar.xz").write_bytes(b"<html>under construction</html>")
    release = Release("9.9.9", unverified=True, mirror=server.url)
    with pytest.raises(AnalyzerError, match="cannot be unpacked"):
        build_or_fetch(release, TWO_AT_ONCE, cache, reporter)
    pack(old_tree(tmp_path / "tree"), server.folder / "qemu-9.9.9.tar.xz", "qemu-9.9.9")
    build_or_fetch(release, TWO_AT_ONCE, cache, reporter)


def test_the_users_environment_does_not_change_a_build(cache, reporter, tmp_path, monkeypatch):
    monkeypatch.setenv("CFLAGS", "-DNOT_WANTED")
    monkeypatch.setenv("MAKEFLAGS", "-n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    built = build_or_fetch(LocalSource(old_tree(tmp_path / "tree")), TWO_AT_ONCE, cache, reporter)
    assert os.access(built.program, os.X_OK)
    assert "NOT_WANTED" not in Path(built.provenance["log"]).read_text()
