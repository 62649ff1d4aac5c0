"""Mangled names of C++ and Rust, symbol versions: readable for people, one identity for one function."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from analyzer.adapters import cxxfilt
from analyzer.backtraces.importer import import_text
from analyzer.backtraces.records import ImportOrigin
from analyzer.cli import main
from analyzer.inputs import open_input
from analyzer.recording.reader import assemble

FLUSH = "_ZN4disk5Image5flushEi"
READABLE = "disk::Image::flush(int)"
TEXTS = {
    "gdb": "#0  0x01 in {0} () from /lib/libdisk.so\n#1  0x02 in main () at main.c:2\n",
    "perf": "q 7/7 1.0: cycles:\n\t1 {0}+0x12 (/usr/bin/q)\n\t2 main (/usr/bin/q)\n",
    "folded": "main;{0} 3\n",
    "backtrace": "./prog({0}+0x12) [0x401136]\n./prog(main+0x22) [0x401150]\n",
    "kernel": " {0}+0x10/0x20 [module]\n main+0x1/0x2\n",
}


def names_in(text, demangle=cxxfilt.demangle):
    imported = import_text(text.splitlines(keepends=True), ImportOrigin("x"), demangle=demangle)
    frames = assemble(imported.records, "x").stops[0].frames
    return [frame.name for frame in frames], [frame.function.name for frame in frames], imported.mangled


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_mangled_names_are_readable_in_every_format(text):
    names, identities, message = names_in(text.format(FLUSH))
    assert names == identities == [READABLE, "main"]
    assert message == ""


@pytest.mark.parametrize(
    ("mangled", "shown", "identity"),
    [
        (f"{FLUSH}@@DISK_1.0", f"{READABLE}@@DISK_1.0", READABLE),
        (f"{FLUSH}@plt", f"{READABLE}@plt", READABLE),
        (f"{FLUSH}.constprop.0", f"{READABLE}.constprop.0", READABLE),
        (f"{FLUSH}.isra.0.cold", f"{READABLE}.isra.0.cold", READABLE),
        (f"_{FLUSH}", READABLE, READABLE),  # of macOS
        (
            "_ZN5panic4disk5flush17hdab5b5af960b80b9E",
            "panic::disk::flush::hdab5b5af960b80b9",
            "panic::disk::flush",
        ),
        ("_RNvC7mycrate3foo", None, "mycrate::foo"),
        ("_ZN", "_ZN", "_ZN"),
        ("_Rest", "_Rest", "_Rest"),
        ("pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait"),
        ("malloc@plt", "malloc@plt", "malloc"),
    ],
)
def test_what_is_added_to_a_name_is_shown_and_is_no_part_of_the_identity(mangled, shown, identity):
    names, identities, _ = names_in(f"main;{mangled} 3\n")
    assert shown in (None, names[0])
    assert identities[0] == identity


def test_one_process_demangles_all_names_of_an_import(monkeypatch):
    started = []
    popen = subprocess.Popen

    def count(command, **options):
        started.append(command)
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", count)
    text = "".join(f"main;_ZN4disk{len(str(n)) + 1}f{n}Ev;{FLUSH} 3\n" for n in range(500))
    imported = import_text(text.splitlines(keepends=True), ImportOrigin("x"), demangle=cxxfilt.demangle)
    names = {record.function for record in imported.records if record.TAG == "frame"}
    assert len(started) == 1
    assert {"disk::f0()", "disk::f499()", READABLE} <= names


def test_a_text_without_mangled_names_starts_no_process(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    assert names_in("main;leaf 3\n")[0] == ["leaf", "main"]


def test_without_the_program_names_stay_and_a_note_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    (tmp_path / "stacks.txt").write_text(f"main;{FLUSH} 3\n")
    assert main(["import", "stacks.txt"]) == 0
    assert "1 name of C++ or Rust stays mangled: c++filt is not installed. Install" in capsys.readouterr().out
    recording = open_input("stacks.txt").recording
    assert recording.stops[0].frames[0].name == FLUSH
    assert any("apt install binutils" in note for note in recording.notes)


def test_the_other_program_is_taken_when_it_is_the_one_there(monkeypatch):
    found = {"llvm-cxxfilt": shutil.which("c++filt")}
    monkeypatch.setattr(shutil, "which", found.get)
    assert cxxfilt.demangle([FLUSH]) == ({FLUSH: READABLE}, "")


def test_a_program_that_fails_leaves_the_names(monkeypatch, tmp_path):
    program = tmp_path / "c++filt"
    program.write_text("#!/bin/sh\nsleep 20\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    monkeypatch.setattr(cxxfilt, "_TIMEOUT", 0.2)
    names, message = cxxfilt.demangle([FLUSH, "_ZN1fEv"])
    assert names == {}
    assert message.startswith("2 names of C++ or Rust stay mangled: ")


def test_a_readable_name_beyond_the_limit_is_left_out(monkeypatch):
    monkeypatch.setattr(cxxfilt, "_LONGEST", len(READABLE) - 1)
    assert cxxfilt.demangle([FLUSH]) == ({}, "")


def test_the_output_of_the_program_has_a_limit(monkeypatch):
    monkeypatch.setattr(cxxfilt, "_MAX_OUTPUT", 1000)
    names, _ = cxxfilt.demangle([f"_ZN4disk{len(str(n)) + 1}f{n}Ev" for n in range(5000)])
    assert sum(map(len, names.values())) <= 1000


def test_names_with_any_characters_get_their_own_answers():
    odd = ["_ZN\udcff1", "_Z -n", "--help", "_Z\u00e9"]
    assert cxxfilt.demangle([*odd, FLUSH]) == ({FLUSH: READABLE}, "")
