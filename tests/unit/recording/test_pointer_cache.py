"""What is kept of explained pointers, and how it comes into another recording."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from analyzer.recording import pointer_cache
from analyzer.recording.pointer_cache import AddedRecords, PointerCache, origins_in
from gdbscripts.enums import FrameKind, PointerOriginKind, PointerOutcome, SlotKind, StopReason
from gdbscripts.json_lines import to_line
from gdbscripts.plan import IndirectCallSite
from gdbscripts.records import (
    FrameRecord,
    PointerOriginRecord,
    PointerRecord,
    StackRecord,
    StopRecord,
    ThreadRecord,
)

SITE = IndirectCallSite(10, [20, 30], 0, [20, 30], 11, "callee")
MAIN = FrameRecord(0, "main", FrameKind.NORMAL, 30, "/q/main.c", 3)
SETTER = FrameRecord(1, "setter", FrameKind.NORMAL, 70, "/q/a.c", 7, via=[["left", "/q/a.c", ""]])
POINTER = PointerRecord(
    4, [20, 30], "callee", SlotKind.MEMBER, "Class.call", 4096, 10, "callee", PointerOutcome.EXPLAINED
)
STEP = PointerOriginRecord(4, PointerOriginKind.STORED, "Class.call", "setter", "/q/a.c", 7, address=4096, stop=9)
CONTENT = [
    ThreadRecord(1, 100, "qemu"),
    MAIN,
    SETTER,
    StackRecord(5, [1, 0]),
    StopRecord(9, 0.5, 1, StopReason.STORE, [], "", stack=5, arguments=[[["a", "1"]], []]),
    POINTER,
    STEP,
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(pointer_cache.OFF_VARIABLE, raising=False)
    return tmp_path / "cache" / "qemu-callchain" / "pointers"


def opened(build_id="ab", command=("qemu",), accelerator="kvm", gdb="13.1"):
    cache = PointerCache.of(build_id, command, accelerator, gdb)
    assert cache is not None
    return cache


@pytest.fixture
def recording(tmp_path):
    file = tmp_path / "recording.jsonl"
    file.write_text("".join(map(to_line, CONTENT)))
    return file


def test_an_origin_that_is_kept_is_the_one_that_was_found(recording):
    opened().store(recording, [SITE])
    (origin,) = opened().origins
    assert origin == next(iter(origins_in(CONTENT, [SITE])))
    assert origin.plan() == pointer_cache.KnownPointer(SITE, [4096], 10, "callee", [])


@pytest.mark.parametrize(
    "other", [{"build_id": "cd"}, {"command": ("qemu", "-S")}, {"accelerator": "tcg"}, {"gdb": "14"}]
)
def test_another_build_command_line_accelerator_or_gdb_finds_nothing(other, recording):
    opened().store(recording, [SITE])
    assert opened(**other).origins == []


def test_other_scripts_inside_gdb_find_nothing(recording, monkeypatch):
    opened().store(recording, [SITE])
    monkeypatch.setattr(pointer_cache, "_digest_of_scripts", lambda: "other")
    assert opened().origins == []


def test_only_explained_pointers_of_known_calls_are_kept(recording):
    unknown = [replace(POINTER, outcome=PointerOutcome.UNKNOWN) if r is POINTER else r for r in CONTENT]
    assert list(origins_in(unknown, [SITE])) == list(origins_in(CONTENT, [replace(SITE, callee="other")])) == []
    opened().store(recording, [])
    assert opened().origins == []


def test_an_origin_gets_the_next_numbers_and_the_frames_that_are_there():
    (origin,) = origins_in(CONTENT, [SITE])
    frame = replace(MAIN, number=6)
    added = AddedRecords([ThreadRecord(1, 7, ""), frame, replace(POINTER, number=0), StackRecord(0, [6])])
    assert added.fits(origin)
    assert list(added.of(origin)) == [
        replace(SETTER, number=7),
        StackRecord(1, [7, 6]),
        StopRecord(0, 0.5, 1, StopReason.STORE, [], "", stack=1, arguments=[[["a", "1"]], []]),
        replace(POINTER, number=1, earlier=True),
        replace(STEP, pointer=1, stop=0),
    ]
    assert (added.frames, added.stops) == (1, 1)
    assert list(added.of(origin))[0] == replace(CONTENT[4], number=1, stack=1)  # nothing new but the stop
    assert not AddedRecords([]).fits(origin)  # of a thread that this recording does not have


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema",), 2),
        (("origins",), 3),
        (("origins", 0, "site", "callee"), 3),
        (("origins", 0, "site", "returns"), ["20"]),
        (("origins", 0, "site", "more"), 1),
        (("origins", 0, "pointer"), "{}"),
        (("origins", 0, "pointer"), to_line(MAIN)),
        (("origins", 0, "steps", 0), to_line(replace(STEP, stop=1))),
        (("origins", 0, "steps", 0), to_line(replace(STEP, stop=-2))),
        (("origins", 0, "stops", 0, 0), to_line(replace(CONTENT[4], reason=StopReason.MILESTONE))),
        (("origins", 0, "stops", 0, 1), [1]),
        (("origins", 0, "stops"), {}),
    ],
)
def test_a_file_with_anything_else_is_not_used(where, value, recording, folder):
    opened().store(recording, [SITE])
    (file,) = folder.iterdir()
    data = json.loads(file.read_text())
    part = data
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    file.write_text(json.dumps(data))
    assert opened().origins == []


@pytest.mark.parametrize("text", ["", "{", "[" * 9999, "\udcff", '{"schema": 1}'])
def test_a_damaged_file_is_not_used(text, recording, folder):
    opened().store(recording, [SITE])
    (file,) = folder.iterdir()
    file.write_text(text, errors="surrogateescape")
    assert opened().origins == []
    opened().store(recording, [SITE])
    assert len(opened().origins) == 1


def test_a_link_is_not_read_and_replaced_by_a_file(recording, folder, tmp_path):
    opened().store(recording, [SITE])
    (file,) = folder.iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert opened().origins == []
    (tmp_path / "elsewhere").write_text("mine")
    opened().store(recording, [SITE])
    assert (tmp_path / "elsewhere").read_text() == "mine" and not file.is_symlink()


def test_nothing_is_kept_without_build_id_with_the_variable_or_where_others_may_write(monkeypatch, folder):
    assert PointerCache.of("", ["qemu"], "kvm", "13.1") is None
    opened()
    folder.chmod(0o770)
    assert PointerCache.of("ab", ["qemu"], "kvm", "13.1") is None
    folder.chmod(0o700)
    monkeypatch.setenv(pointer_cache.OFF_VARIABLE, "1")
    assert PointerCache.of("ab", ["qemu"], "kvm", "13.1") is None


def test_the_longest_unused_files_are_removed(recording, folder, monkeypatch):
    monkeypatch.setattr(pointer_cache, "_MOST_FILES", 2)
    for number in range(4):
        opened(build_id=str(number)).store(recording, [SITE])
    assert [len(opened(build_id=str(number)).origins) for number in (2, 3)] == [1, 1]
    assert len(list(folder.iterdir())) == 2
