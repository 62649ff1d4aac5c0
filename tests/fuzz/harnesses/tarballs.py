"""A tarball, plain or compressed, unpacked into a folder."""

from __future__ import annotations

import os
from pathlib import Path

from analyzer.build.unpack import unpack
from tests.fuzz.silent import SilentReporter


def check(data: bytes, folder: Path) -> None:
    tarball, tree = folder / "source.tar", folder / "tree"
    tarball.write_bytes(data)
    tree.mkdir()
    try:
        unpack(tarball, tree, SilentReporter())
        _check_tree(tree)
    finally:
        assert sorted(os.listdir(folder)) == ["source.tar", "tree"]


def _check_tree(tree: Path) -> None:
    """No link leads out of the tree, and nothing in it has special permissions."""
    top = os.path.realpath(tree)
    for path in tree.rglob("*"):
        assert os.path.realpath(path).startswith(top), path
        assert path.is_symlink() or not path.lstat().st_mode & 0o7000, path
