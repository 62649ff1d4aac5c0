"""Paths become relative to the source tree: those of a recording, and those of a text that names others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.recording.source_paths import likely_source_root, relative, source_root, without_parent_folders

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("files", "root"),
    [
        (["/home/a/qemu/hw/x.c", "/home/a/qemu/vl.c"], "/home/a/qemu"),
        (["/home/a/qemu/hw/i386/pc.c", "hw/core/qdev.c"], "/home/a/qemu"),
        (["/home/a/qemu/hw/i386/pc.c", "../hw/core/qdev.c"], "/home/a/qemu"),
        (["/home/hw/qemu/hw/i386/pc.c", "hw/core/qdev.c"], "/home/hw/qemu"),
        (["/home/a/qemu/hw/x.c", "/home/a/qemu/vl.c", "/opt/glib/g.c"], "/home/a/qemu"),
        (["/usr/include/glib.h", "/usr/include/x.h", "/src/qemu/vl.c"], "/src/qemu"),
        (["/usr/include/glib.h", "vl.c"], ""),
        (["/vl.c"], ""),
        ([], ""),
    ],
)
def test_the_root_of_a_text_is_that_of_the_tree_most_files_are_in(files, root):
    assert likely_source_root(files) == root


def test_what_a_compiler_in_a_build_folder_names_is_in_the_tree():
    assert without_parent_folders("../../hw/x.c") == "hw/x.c"
    assert without_parent_folders("hw/../x.c") == "hw/../x.c"


@given(
    st.lists(st.text("ab", min_size=1), min_size=1, max_size=4), st.lists(st.text("cd", min_size=1), min_size=1)
)
def test_what_is_below_the_root_is_relative_and_its_root_is_found(root, inner):
    folder, file = "/" + "/".join(root), "/".join(inner)
    assert relative(f"{folder}/{file}", folder) == file
    assert source_root([f"{folder}/x/a.c", f"{folder}/y/b.c", "relative.c"]) == folder
    assert likely_source_root([f"{folder}/x/a.c", f"{folder}/x/b.c"]).startswith(folder)


def test_no_other_module_normalises_a_path_of_a_source_file():
    """The readers of recordings and of backtraces would answer differently otherwise."""
    for file in [
        *(ROOT / "analyzer" / "backtraces").rglob("*.py"),
        *(ROOT / "analyzer" / "recording").rglob("*.py"),
    ]:
        names = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert file.name == "source_paths.py" or not names & {"normpath", "commonpath"}, file
