"""Tarballs that reach out of their tree are refused, and nothing of them is kept."""

from __future__ import annotations

import io
import os
import tarfile

import pytest

from analyzer.build.request import LocalSource
from analyzer.build.sources import prepare_source
from analyzer.build.unpack import unpack
from analyzer.errors import AnalyzerError


def member(name, kind=tarfile.REGTYPE, link="", content=b"x"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
    return info, content


def make(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


CONFIGURE = member("qemu/configure")
HOSTILE = {
    "an absolute path": [member("/tmp/evil")],
    "a path that climbs": [member("qemu/../../evil")],
    "a link to an absolute path": [member("qemu/link", tarfile.SYMTYPE, "/etc/passwd")],
    "a link that climbs": [member("qemu/a/link", tarfile.SYMTYPE, "../../../evil")],
    "a file written through a link": [member("qemu/out", tarfile.SYMTYPE, "sub"), member("qemu/out/evil")],
    "a file in place of a link": [member("qemu/out", tarfile.SYMTYPE, "sub"), member("qemu/out")],
    "links that climb together": [
        member("qemu/x/y/z", tarfile.DIRTYPE),
        member("qemu/x/y/z/up", tarfile.SYMTYPE, "../../../.."),
        member("qemu/evil", tarfile.SYMTYPE, "x/y/z/up/../foo"),
    ],
    "a name that is not what it seems": [
        member("qemu/x/y/z", tarfile.DIRTYPE),
        member("qemu/x/y/z/up", tarfile.SYMTYPE, "../../.."),
        member("qemu/evil", tarfile.SYMTYPE, "x/y/z/up/.."),
        member("qemu/evil/../pwned_by_tar"),
    ],
    "a hard link to the host's file": [member("qemu/hard", tarfile.LNKTYPE, "/etc/passwd")],
    "a hard link that climbs": [member("qemu/hard", tarfile.LNKTYPE, "../../etc/passwd")],
    "a device": [member("qemu/device", tarfile.CHRTYPE)],
    "a pipe": [member("qemu/pipe", tarfile.FIFOTYPE)],
}


@pytest.mark.threat(
    "A tarball writes or links outside of its folder",
    source="the author of a source tarball",
    defence="each member is checked against those before it; the whole tarball is refused",
)
@pytest.mark.parametrize("guard", ["with tarfile's own filter", "without"])
@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_tarball_is_refused_and_leaves_nothing(members, guard, tmp_path, cache, reporter, monkeypatch):
    if guard == "without":  # as in Python 3.10 and 3.11 before their updates
        monkeypatch.delattr("tarfile.data_filter", raising=False)
    tarball = make(tmp_path / "qemu.tar.gz", [CONFIGURE, *members])
    with pytest.raises(AnalyzerError, match=r"qemu\.tar\.gz is refused because of"):
        prepare_source(LocalSource(tarball), cache, reporter)
    assert not [path for path in cache.sources.rglob("*") if path.name != "locks"]
    assert not list(tmp_path.rglob("evil"))
    assert not list(tmp_path.rglob("pwned_by_tar"))


def test_links_inside_the_tree_are_kept(tmp_path, reporter):
    members = [
        CONFIGURE,
        member("qemu/roms/a"),
        member("qemu/b", tarfile.SYMTYPE, "roms/a"),
        member("qemu/roms/up", tarfile.SYMTYPE, "../configure"),
        member("qemu/hard", tarfile.LNKTYPE, "qemu/roms/a"),
    ]
    folder = tmp_path / "tree"
    folder.mkdir()
    tree = unpack(make(tmp_path / "qemu.tar.gz", members), folder, reporter)
    assert tree == folder / "qemu"
    assert (tree / "b").read_bytes() == (tree / "roms/up").read_bytes() == (tree / "hard").read_bytes() == b"x"


@pytest.mark.parametrize("cut", [10, 200, 1000])
def test_a_damaged_tarball_is_refused(cut, tmp_path, cache, reporter):
    whole = make(tmp_path / "whole.tar.gz", [CONFIGURE, member("qemu/big", content=os.urandom(25_000))])
    damaged = tmp_path / "qemu.tar.gz"
    damaged.write_bytes(whole.read_bytes()[: whole.stat().st_size - cut] if cut != 10 else b"no tarball")
    with pytest.raises(AnalyzerError, match=r"cannot be unpacked|is no source of QEMU"):
        prepare_source(LocalSource(damaged), cache, reporter)
    assert not list(cache.sources.iterdir())


def test_a_tarball_of_something_else_is_refused(tmp_path, cache, reporter):
    with pytest.raises(AnalyzerError, match="contains no configure"):
        prepare_source(LocalSource(make(tmp_path / "other.tar.gz", [member("other/README")])), cache, reporter)


def test_a_tarball_that_does_not_fit_is_refused_before_the_disk_is_full(tmp_path, reporter, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100})())
    folder = tmp_path / "tree"
    folder.mkdir()
    with pytest.raises(AnalyzerError, match="does not fit on the disk"):
        unpack(make(tmp_path / "qemu.tar.gz", [member("qemu/big", content=b"x" * 200)]), folder, reporter)
