"""What `--break` names: which texts are globs, and what they match."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.recording.break_patterns import BreakPattern, parse_break

_NAMES = st.text(alphabet="kvm_init0Q", min_size=1, max_size=10)
_GLOBS = st.text(alphabet="kvm_i0*?[]!", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("kvm_init", BreakPattern("kvm_init", "kvm_init", is_glob=False)),
        ("kvm-all.c:kvm_init", BreakPattern("kvm-all.c:kvm_init", "kvm_init", "kvm-all.c", is_glob=False)),
        ("Shape::area", BreakPattern("Shape::area", "Shape::area", is_glob=False)),
        ("kvm_*", BreakPattern("kvm_*", "kvm_*")),
        ("[kq]vm_*", BreakPattern("[kq]vm_*", "[kq]vm_*")),
        ("kvm-all.c:kvm_*", BreakPattern("kvm-all.c:kvm_*", "kvm_*", "kvm-all.c")),
        ("file:hw/i386/*", BreakPattern("file:hw/i386/*", "*", "hw/i386/*")),
        ("file:hw/i386/pc.c", BreakPattern("file:hw/i386/pc.c", "*", "hw/i386/pc.c")),
        ("file:*.c:*_realize", BreakPattern("file:*.c:*_realize", "*_realize", "*.c")),
        ("file:kvm-all.c:kvm_init", BreakPattern("file:kvm-all.c:kvm_init", "kvm_init", "kvm-all.c")),
    ],
)
def test_a_text_names_one_function_or_is_a_glob(text, pattern):
    assert parse_break(text) == pattern


@pytest.mark.parametrize(
    "text",
    ["", "*0x1234", "vl.c:100", "kvm_init if 1", "a b*", "file:", "file:x:", "file:a:b:c", "a:b:c*", "-x", "x;y"],
)
def test_other_texts_are_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"is not (the name of a function|file:GLOB)"):
        parse_break(text)


@given(_GLOBS, _NAMES)
def test_a_glob_of_names_matches_as_fnmatch_does(glob, name):
    assert BreakPattern(glob, glob).matches_name(name) is fnmatchcase(name, glob)


@given(_NAMES)
def test_a_name_without_wildcards_matches_itself_only(name):
    pattern = parse_break(f"file:x.c:{name}") if name[0] != "0" else BreakPattern(name, name)
    assert pattern.matches_name(name)
    assert not pattern.matches_name(f"{name}x")
    assert not pattern.matches_name(f"x{name}")


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("hw/i386/*", "/src/qemu/hw/i386/pc.c", True),
        ("hw/i386/*", "/src/qemu/hw/i386/kvm/clock.c", True),  # folders below it too
        ("hw/i386/*", "/src/qemu/xhw/i386/pc.c", False),  # a whole component of the path
        ("hw/i386/*", "/src/qemu/hw/i387/pc.c", False),
        ("pc.c", "/src/qemu/hw/i386/pc.c", True),
        ("pc.c", "/src/qemu/hw/i386/apc.c", False),
        ("pc.c", "/src/qemu/hw/i386/pc.c.inc", False),
        ("pc_*.[ch]", "/src/qemu/hw/i386/pc_piix.c", True),
        ("/src/qemu/hw/*", "/src/qemu/hw/i386/pc.c", True),
        ("/hw/*", "/src/qemu/hw/i386/pc.c", False),  # absolute: the whole path
        ("", "/anything.c", True),
        ("*", "", True),
        ("hw/*", "", False),  # a function without a known file
    ],
)
def test_a_glob_of_files_matches_the_end_of_a_path(glob, path, matches):
    assert BreakPattern("", "*", glob).matches_file(path) is matches


@given(st.lists(st.text(alphabet="ab.", min_size=1, max_size=3), min_size=1, max_size=4), _GLOBS)
def test_a_glob_of_files_is_fnmatch_of_any_end_of_the_path(parts, glob):
    path = "/" + "/".join(parts)
    ends = ["/".join(parts[start:]) for start in range(len(parts))] + [path]
    assert BreakPattern("", "*", glob).matches_file(path) is any(fnmatchcase(end, glob) for end in ends)
