"""A tree of the user's: copied, never changed; what is in no commit is said; leftovers of a build are left out."""

from __future__ import annotations

import os
import subprocess

import pytest

from analyzer.build.cache import Cache
from analyzer.build.local_tree import content_digest, find_sources
from analyzer.build.request import LocalSource
from analyzer.build.sources import prepare_source
from analyzer.errors import AnalyzerError
from tests.build.conftest import old_tree, pack
from tests.conftest import need_tool


def git(folder, *arguments):
    need_tool("git")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder, **files):
    """A repository whose only commit is what is in the folder, and these files."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.c").write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def checkout(tmp_path):
    tree = old_tree(tmp_path / "qemu")
    (tree / ".gitignore").write_text("*.log\n")
    return repository(tree)


def test_a_clean_checkout_is_named_by_its_commit(checkout, cache, reporter):
    source = prepare_source(LocalSource(checkout), cache, reporter)
    assert source.verified == f"git commit {git(checkout, 'rev-parse', 'HEAD')}"
    assert not (source.tree / ".git").exists()


def test_a_dirty_checkout_is_copied_as_it_is_and_recorded_as_dirty(checkout, cache, reporter):
    (checkout / "vl.c").write_text("/* changed */\n")
    (checkout / "new.c").write_text("/* in no commit */\n")
    (checkout / "noise.log").write_text("ignored\n")
    source = prepare_source(LocalSource(checkout), cache, reporter)
    assert source.verified.endswith(", with changes that are in no commit")
    assert (source.tree / "vl.c").read_text() == "/* changed */\n"
    assert (source.tree / "new.c").exists()
    assert not (source.tree / "noise.log").exists()


def test_submodules_that_are_there_are_copied(checkout, cache, reporter, tmp_path):
    part = repository(tmp_path / "part", keys="/* keys */\n")
    git(checkout, "submodule", "--quiet", "add", str(part), "ui/part")
    git(checkout, "commit", "-q", "-m", "submodule")
    source = prepare_source(LocalSource(checkout), cache, reporter)
    assert (source.tree / "ui/part/keys.c").exists()
    assert "changes" not in source.verified


def test_submodules_that_are_not_there_are_passed_over(checkout, cache, reporter, tmp_path):
    """As in every plain clone of QEMU: whether it builds without is for configure to say."""
    part = repository(tmp_path / "part", rom="")
    git(checkout, "submodule", "--quiet", "add", str(part), "roms/part")
    git(checkout, "commit", "-q", "-m", "submodule")
    git(tmp_path, "clone", "-q", str(checkout), "clone")
    (tmp_path / "clone" / "nested").mkdir()
    git(tmp_path / "clone" / "nested", "init", "-q")
    source = prepare_source(LocalSource(tmp_path / "clone"), cache, reporter)
    assert (source.tree / "configure").exists()
    assert not (source.tree / "roms/part/rom.c").exists()


def test_subprojects_that_meson_downloaded_are_source_although_git_ignores_them(checkout, cache, reporter):
    (checkout / "subprojects" / "keys").mkdir(parents=True)
    (checkout / "subprojects" / ".gitignore").write_text("/keys\n")
    (checkout / "subprojects" / "keys" / "meson.build").write_text("project('keys')\n")
    (checkout / "subprojects" / "ours").mkdir()
    (checkout / "subprojects" / "ours" / "meson.build").write_text("project('ours')\n")
    (checkout / "subprojects" / "ours" / "noise.log").write_text("ignored\n")
    source = prepare_source(LocalSource(checkout), cache, reporter)
    assert (source.tree / "subprojects/keys/meson.build").exists()
    assert source.verified.endswith(", with subprojects that were downloaded")
    assert not (source.tree / "subprojects/ours/noise.log").exists()


def test_what_is_new_in_a_submodule_and_in_a_repository_inside_is_source(checkout, cache, reporter, tmp_path):
    part = repository(tmp_path / "part", keys="")
    git(checkout, "submodule", "--quiet", "add", str(part), "ui/part")
    git(checkout, "commit", "-q", "-m", "submodule")
    git(checkout, "config", "--remove-section", "submodule.ui/part")  # there, and not registered
    git(checkout, "clone", "-q", str(part), "subprojects/inside")
    (checkout / "ui/part/new.c").write_text("")
    source = prepare_source(LocalSource(checkout), cache, reporter)
    for name in ("ui/part/keys.c", "ui/part/new.c", "subprojects/inside/keys.c"):
        assert (source.tree / name).exists(), name
    assert "changes that are in no commit" in source.verified


def test_what_the_users_configuration_hides_is_still_a_change(checkout, cache, reporter):
    git(checkout, "config", "status.showUntrackedFiles", "no")
    (checkout / "new.c").write_text("")
    assert "changes that are in no commit" in prepare_source(LocalSource(checkout), cache, reporter).verified


def test_the_checkout_is_not_written_to_not_even_its_index(checkout, cache, reporter):
    os.utime(checkout / "vl.c")
    before = {path: path.lstat().st_ino for path in checkout.rglob("*")}
    prepare_source(LocalSource(checkout), cache, reporter)
    assert {path: path.lstat().st_ino for path in checkout.rglob("*")} == before


def test_a_folder_of_the_commit_that_is_something_else_now(checkout, cache, reporter):
    (checkout / "hw" / "pc.c").rename(checkout / "pc.c")
    (checkout / "hw").rmdir()
    (checkout / "hw").write_text("a file now")
    (checkout / "scripts").rename(checkout / "programs")
    (checkout / "scripts").symlink_to("programs")
    source = prepare_source(LocalSource(checkout), cache, reporter)
    assert (source.tree / "hw").read_text() == "a file now"
    assert (source.tree / "scripts").is_symlink()
    assert (source.tree / "scripts/backends.py").exists()


@pytest.mark.threat(
    "A source tree links to files of the host",
    source="the author of a source tree",
    defence="a link out of the tree is refused before anything is copied",
)
@pytest.mark.parametrize("target", ["/etc/hostname", "../outside.c"])
def test_a_link_out_of_the_tree_is_refused(target, tmp_path, cache, reporter):
    tree = old_tree(tmp_path / "qemu")
    (tmp_path / "outside.c").write_text("")
    (tree / "inside.c").symlink_to(target)
    with pytest.raises(AnalyzerError, match="leads out of the tree"):
        prepare_source(LocalSource(tree), cache, reporter)


def test_a_cache_inside_the_tree_is_no_source(checkout, reporter):
    cache = Cache(checkout / ".cache" / "qemu-callchain")
    first = prepare_source(LocalSource(checkout), cache, reporter)
    assert prepare_source(LocalSource(checkout), cache, reporter).sha256 == first.sha256


def test_links_to_folders_are_copied_and_what_is_no_file_is_not(tmp_path, cache, reporter):
    tree = old_tree(tmp_path / "qemu")
    (tree / "headers").symlink_to("hw")
    (tree / "hw" / "config.log").write_text("")
    os.mkfifo(tree / "pipe")
    source = prepare_source(LocalSource(tree), cache, reporter)
    assert (source.tree / "headers").is_symlink()
    assert (source.tree / "headers" / "pc.c").exists()
    assert not (source.tree / "pipe").exists()


def test_an_edit_that_keeps_size_and_time_is_seen(tmp_path, cache, reporter):
    tree = old_tree(tmp_path / "qemu")
    before = (tree / "vl.c").stat()
    first = prepare_source(LocalSource(tree), cache, reporter)
    text = (tree / "vl.c").read_text()
    (tree / "vl.c").write_text(text.replace("return argv", "return !rgv"))
    os.utime(tree / "vl.c", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert prepare_source(LocalSource(tree), cache, reporter).sha256 != first.sha256


def test_a_tree_that_changes_while_it_is_copied_is_refused(tmp_path, cache, reporter):
    tree = old_tree(tmp_path / "qemu")

    class Meddler(type(reporter)):
        def say(self, text):  # between looking and copying
            (tree / "vl.c").write_text("/* saved meanwhile */\n")

    with pytest.raises(AnalyzerError, match="changed while it was copied"):
        prepare_source(LocalSource(tree), cache, Meddler())
    assert not [path for path in cache.sources.iterdir() if path.is_dir()]


def test_another_repository_of_the_users_shell_does_not_answer(checkout, tmp_path, cache, reporter, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(checkout / ".git"))
    assert (
        prepare_source(LocalSource(old_tree(tmp_path / "other")), cache, reporter).verified
        == "a folder of the user's"
    )


def test_what_a_build_inside_the_tree_left_is_not_source(tmp_path, cache, reporter):
    tree = old_tree(tmp_path / "qemu")
    (tree / "config-host.mak").write_text("SRC_PATH=.\n")
    (tree / "vl.o").write_bytes(b"object")
    (tree / "build").mkdir()
    (tree / "build" / "build.ninja").write_text("")
    (tree / "build" / "generated.c").write_text("")
    source = prepare_source(LocalSource(tree), cache, reporter)
    assert source.verified == "a folder of the user's"
    names = {path.name for path in source.tree.rglob("*")}
    assert not names & {"config-host.mak", "vl.o", "build.ninja", "generated.c"}


def test_the_digest_is_of_the_content_and_of_nothing_else(tmp_path, cache):
    one, other = old_tree(tmp_path / "one"), old_tree(tmp_path / "other")
    os.utime(other / "vl.c", (1, 1))
    digest = content_digest(find_sources(one, cache), cache)
    assert digest == content_digest(find_sources(other, cache), cache)
    (other / "vl.c").chmod(0o755)
    assert digest != content_digest(find_sources(other, cache), cache)
    (one / "hw" / "more.c").write_text("")
    assert digest != content_digest(find_sources(one, cache), cache)


def test_a_folder_below_a_checkout_is_no_checkout(checkout, cache, reporter):
    inner = old_tree(checkout / "vendored")
    assert prepare_source(LocalSource(inner), cache, reporter).verified == "a folder of the user's"


@pytest.mark.parametrize("suffix", ["xz", "bz2", "gz"])
def test_a_tarball_of_the_users_is_unpacked_and_its_sum_checked(suffix, tmp_path, cache, reporter):
    tarball = pack(old_tree(tmp_path / "tree", "2.0.0"), tmp_path / f"mine.tar.{suffix}", "qemu-2.0.0")
    source = prepare_source(LocalSource(tarball), cache, reporter)
    assert (source.label, source.name) == ("2.0.0", tarball.name)
    assert (
        prepare_source(LocalSource(tarball, source.sha256), cache, reporter).verified
        == "against the sha256 the user gave"
    )
    with pytest.raises(AnalyzerError, match=f"found    sha256 {source.sha256}"):
        prepare_source(LocalSource(tarball, "0" * 64), cache, reporter)


@pytest.mark.parametrize("what", ["nowhere", "empty", "file"])
def test_what_is_no_source_is_refused(what, tmp_path, cache, reporter):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    with pytest.raises(AnalyzerError) as error:
        prepare_source(LocalSource(tmp_path / what), cache, reporter)
    assert error.value.hint


def test_a_version_that_is_no_version_does_not_escape_the_cache(tmp_path, cache, reporter):
    tree = old_tree(tmp_path / "qemu", "../../../etc/x" * 10)
    label = prepare_source(LocalSource(tree), cache, reporter).label
    assert "/" not in label
    assert len(label) <= 40
