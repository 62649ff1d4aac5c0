"""A tree of the user's: copied, never changed; what is in no commit is said; leftovers of a build are left out."""

from __future__ import annotations

import os
import subprocess

import pytest

from analyzer.build.sources import obtain
from analyzer.build.trees import digest_of, look_at
from analyzer.build.wanted import Local
from analyzer.errors import AnalyzerError
from tests.build.conftest import old_tree, pack
from tests.conftest import need_tool


def git(folder, *arguments):
    need_tool("git")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    tree = old_tree(tmp_path / "qemu")
    (tree / ".gitignore").write_text("*.log\n")
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "first")
    return tree


def test_a_clean_checkout_is_named_by_its_commit(checkout, cache, told):
    source = obtain(Local(checkout), cache, told)
    assert source.verified == f"git commit {git(checkout, 'rev-parse', 'HEAD')}"
    assert not (source.tree / ".git").exists()


def test_a_dirty_checkout_is_copied_as_it_is_and_recorded_as_dirty(checkout, cache, told):
    (checkout / "vl.c").write_text("/* changed */\n")
    (checkout / "new.c").write_text("/* in no commit */\n")
    (checkout / "noise.log").write_text("ignored\n")
    source = obtain(Local(checkout), cache, told)
    assert source.verified.endswith("with changes that are in no commit")
    assert (source.tree / "vl.c").read_text() == "/* changed */\n"
    assert (source.tree / "new.c").exists()
    assert not (source.tree / "noise.log").exists()


def test_submodules_that_are_there_are_copied(checkout, cache, told, tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    (part / "keys.c").write_text("/* keys */\n")
    git(part, "init", "-q")
    git(part, "add", ".")
    git(part, "commit", "-q", "-m", "part")
    git(checkout, "submodule", "--quiet", "add", str(part), "ui/part")
    git(checkout, "commit", "-q", "-m", "submodule")
    source = obtain(Local(checkout), cache, told)
    assert (source.tree / "ui/part/keys.c").exists()
    assert "changes" not in source.verified


def test_what_a_build_inside_the_tree_left_is_not_source(tmp_path, cache, told):
    tree = old_tree(tmp_path / "qemu")
    (tree / "config-host.mak").write_text("SRC_PATH=.\n")
    (tree / "vl.o").write_bytes(b"object")
    (tree / "build").mkdir()
    (tree / "build" / "build.ninja").write_text("")
    (tree / "build" / "generated.c").write_text("")
    source = obtain(Local(tree), cache, told)
    assert source.verified == "a folder of the user's"
    names = {path.name for path in source.tree.rglob("*")}
    assert not names & {"config-host.mak", "vl.o", "build.ninja", "generated.c"}


def test_the_digest_is_of_the_content_and_of_nothing_else(tmp_path, cache):
    one, other = old_tree(tmp_path / "one"), old_tree(tmp_path / "other")
    os.utime(other / "vl.c", (1, 1))
    digest = digest_of(look_at(one), cache)
    assert digest == digest_of(look_at(other), cache)
    (other / "vl.c").chmod(0o755)
    assert digest != digest_of(look_at(other), cache)
    (one / "hw" / "more.c").write_text("")
    assert digest != digest_of(look_at(one), cache)


def test_a_folder_below_a_checkout_is_no_checkout(checkout, cache, told):
    inner = old_tree(checkout / "vendored")
    assert obtain(Local(inner), cache, told).verified == "a folder of the user's"


@pytest.mark.parametrize("suffix", ["xz", "bz2", "gz"])
def test_a_tarball_of_the_users_is_unpacked_and_its_sum_checked(suffix, tmp_path, cache, told):
    tarball = pack(old_tree(tmp_path / "tree", "2.0.0"), tmp_path / f"mine.tar.{suffix}", "qemu-2.0.0")
    source = obtain(Local(tarball), cache, told)
    assert (source.label, source.name) == ("2.0.0", tarball.name)
    assert (
        obtain(Local(tarball, source.sha256.upper()), cache, told).verified == "against the sha256 the user gave"
    )
    with pytest.raises(AnalyzerError, match=f"found {source.sha256}"):
        obtain(Local(tarball, "0" * 64), cache, told)


@pytest.mark.parametrize("what", ["nowhere", "empty", "file"])
def test_what_is_no_source_is_refused(what, tmp_path, cache, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")
    with pytest.raises(AnalyzerError) as error:
        obtain(Local(tmp_path / what), cache, told)
    assert error.value.hint


def test_a_version_that_is_no_version_does_not_escape_the_cache(tmp_path, cache, told):
    tree = old_tree(tmp_path / "qemu", "../../../etc/x" * 10)
    label = obtain(Local(tree), cache, told).label
    assert "/" not in label
    assert len(label) <= 40
