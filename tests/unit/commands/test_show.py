"""`analyze show`: its function argument, and inputs that are none."""

from __future__ import annotations

import json

import pytest

from analyzer.cli import main
from tests.support.pasted import PLAIN

PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<pre>#0  main () at a.c:1</pre>\n"
)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(PLAIN)
    return tmp_path


@pytest.mark.parametrize("arguments", [["leaf", "--json"], ["--json", "leaf"]])
def test_the_function_stands_before_or_behind_options(arguments, here, capsys):
    assert main(["show", "a.txt", *arguments]) == 0
    assert '"leaf"' in capsys.readouterr().out


def test_pointers_of_a_function_that_has_none_are_an_error(here, capsys):
    assert main(["show", "a.txt", "--pointers", "leaf"]) == 2
    assert "No pointer of a call by or to leaf was searched" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--ioctls", "--accesses"])
def test_a_function_that_an_option_would_ignore_is_refused(option, here, capsys):
    assert main(["show", "a.txt", option, "leaf"]) == 2
    assert "only backtraces and --pointers take a function" in capsys.readouterr().err


def test_similar_names_are_called_similar(here, capsys):
    assert main(["show", "a.txt", "laef"]) == 2
    assert "Similar: leaf." in capsys.readouterr().err
    assert main(["show", "a.txt", "at-nothing"]) == 2
    assert "--break" not in capsys.readouterr().err


def test_a_page_of_ours_is_refused_and_the_data_beside_it_named(here, capsys):
    (here / "report.html").write_text(PAGE)
    assert main(["show", "report.html"]) == 3
    assert "report.html is a page for people, not an input" in capsys.readouterr().err
    (here / "graph.json").write_text("{}")
    assert main(["show", "report.html"]) == 3
    assert "Name the data beside it: graph.json." in capsys.readouterr().err


def test_a_cut_backtrace_is_told_by_import_show_and_diff(here, capsys):
    (here / "cut.txt").write_text("".join(PLAIN.splitlines(keepends=True)[:2]) + "(More stack frames follow...)\n")
    assert main(["import", "cut.txt"]) == 0
    captured = capsys.readouterr()
    assert "1 backtrace was cut" in captured.out + captured.err
    assert "callers unknown" in (here / "callchain-import-cut" / "report.html").read_text()
    assert main(["show", "callchain-import-cut"]) == 0
    assert "(The callers of middle are unknown.)" in capsys.readouterr().out
    assert main(["show", "callchain-import-cut/graph.json"]) == 0
    assert "(The callers of middle are unknown.)" in capsys.readouterr().out
    assert main(["diff", "callchain-import-cut", "a.txt"]) == 3
    out = capsys.readouterr().out
    assert "does not show the callers of middle" in out


def test_what_show_prints_of_an_ioctl_is_equal_to_its_recording(here, capsys):
    text = (
        "== An unknown title, KVM_CREATE_VCPU on anon_inode:kvm-vm (CPU 0/KVM, 0.491 s)\n"
        "#0  __GI___ioctl (fd=10) at ../sysdeps/unix/sysv/linux/ioctl.c:26\n"
        "#1  0x01 in kvm_ioctl () at kvm-all.c:3\n#2  0x02 in main () at vl.c:1\n\n"
    )
    (here / "old.txt").write_text(text)
    (here / "new.txt").write_text(text.replace("__GI___ioctl", "ioctl"))
    assert main(["diff", "old.txt", "new.txt"]) == 0


def test_equal_stacks_are_counted_unless_all_are_asked_for(here, capsys):
    assert main(["import", "a.txt", "-o", "out"]) == 0
    path = here / "out" / "recording.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    stop = next(line for line in lines if line.startswith('{"record": "stop"'))
    more = [stop.replace('"number": 0', f'"number": {number}') for number in range(1, 4)]
    path.write_text("".join([*lines[:-1], *more, lines[-1]]))
    capsys.readouterr()
    assert main(["show", "out"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "==" in line] == [
        "== In leaf (main thread, 0.000 s, 4 times)"
    ]
    assert main(["show", "out", "--all"]) == 0
    assert capsys.readouterr().out.count("== In leaf (main thread, 0.000 s)") == 4
    assert main(["show", "out", "--json"]) == 0
    assert [each["count"] for each in json.loads(capsys.readouterr().out)["backtraces"]] == [4]
    assert main(["show", "out", "--json", "--all"]) == 0
    assert [each["count"] for each in json.loads(capsys.readouterr().out)["backtraces"]] == [1] * 4


def test_pointers_of_an_unknown_function_are_told_from_those_that_were_not_searched(here, capsys):
    assert main(["show", "a.txt", "--pointers", "laef"]) == 2
    error = capsys.readouterr().err
    assert "laef is in no recorded call. Similar: leaf." in " ".join(error.split())
    assert "searched" not in error
