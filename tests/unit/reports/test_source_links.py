"""Links from places in the source, and the classes of C tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzer.cli import main
from analyzer.errors import UsageError
from analyzer.graph.merge import merge
from reports.html.highlight import token_runs
from reports.html.source_links import check_editor, check_source_url, commit_of, source_links
from tests.support.notation import recording

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def provenance(version="7.2.22", source=""):
    shown = merge([recording("main > goal")]).provenance
    return replace(shown, qemu_version=version, build={"source": source} if source else {})


@pytest.mark.parametrize(
    ("version", "source", "commit"),
    [
        ("7.2.22", "qemu-7.2.22.tar.xz", "v7.2.22"),
        ("7.2", "", "v7.2.0"),
        ("9.9.9", f"git commit {COMMIT}", COMMIT),
        ("9.9.9", f"git commit {COMMIT}, with changes that are in no commit", "v9.9.9"),
        ("8.0.50-dirty", "", ""),
        ("", "", ""),
    ],
)
def test_the_commit_is_that_of_the_build_or_the_tag_of_its_release(version, source, commit):
    assert commit_of(provenance(version, source)) == commit


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("gitlab", "https://gitlab.com/qemu-project/qemu/-/blob/v7.2.22/{file}#L{line}"),
        ("github", "https://github.com/qemu/qemu/blob/v7.2.22/{file}#L{line}"),
        ("https://git.example.org/{commit}/{file}", "https://git.example.org/v7.2.22/{file}"),
    ],
)
def test_the_commit_stands_in_the_address(name, address):
    assert source_links(check_source_url(name), None, provenance(), []).url == address


@pytest.mark.parametrize(
    ("check", "text", "message"),
    [
        (check_source_url, "gitlub", "expected gitlab or github, or https://"),
        (check_source_url, "javascript:alert('{file}')", "expected gitlab"),
        (check_source_url, "https://host/{commit}", "{file} is missing"),
        (check_source_url, "https://host/{file}/{branch}", "{branch} is unknown; known are commit, file, line"),
        (check_editor, "emacs", "expected vscode, or SCHEME"),
        (check_editor, "DATA:text/html,{path}", "expected vscode"),
        (check_editor, "idea://open?file={file}", "{file} is unknown"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(check, text, message):
    with pytest.raises(ValueError, match=message.replace("{", r"\{")):
        check(text)


def test_the_editor_needs_the_source_tree_of_the_recording():
    links = source_links(None, check_editor("vscode"), provenance(), [recording("main > goal")])
    assert (links.editor, links.root) == ("vscode://file{path}:{line}", "/src")
    with pytest.raises(UsageError, match="do not name one source tree"):
        source_links(None, check_editor("vscode"), provenance(), [])


def test_a_needed_commit_that_is_unknown_is_an_error_with_the_next_step():
    with pytest.raises(UsageError, match="neither a git commit nor a release") as error:
        source_links(check_source_url("gitlab"), None, provenance("unknown"), [])
    assert "in place of {commit}" in error.value.hint


def test_the_command_names_the_option_that_is_wrong(capsys):
    assert main(["report", "x", "-o", "y", "--source-url", "nowhere"]) == 2
    assert "--source-url: expected gitlab or github" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        (["  return 0; /* end */"], ["2 k6 1 n1 2 c9"]),
        (["static int x = 5;"], ["k6 1 t3 5 n1 1"]),
        (["#include <x.h>"], ["p9 s5"]),
        (["ends here. */ if (a)"], ["c13 1 k2 4"]),
        ([" * inside", " * a comment"], ["c9", "c12"]),
        (["a(b);"], [""]),
    ],
)
def test_the_tokens_of_c(lines, runs):
    found = token_runs("hw/x.c", lines)
    plain = [" ".join(word for word in text.split()) for text in found]
    lengths = [sum(int(word.lstrip("kctsnpf")) for word in text.split()) for text in found if text]
    assert lengths == [len(line) for line, text in zip(lines, found, strict=True) if text]
    assert [classes(text) for text in plain] == [classes(text) for text in runs]


def classes(text):
    return [word[0] for word in text.split() if word[0].isalpha()]


def test_files_that_are_not_c_have_no_tokens():
    assert token_runs("x.S", ["return 0"]) == [""]
    assert token_runs("", ["return 0"]) == [""]


LINES = ("/* \r", "\x00", '"', "'", "\\", "/*", "*/", "\u2028 int", "#define \\", "int a\nint b", "int " * 9999)


@pytest.mark.parametrize("text", LINES)
def test_any_text_has_runs_of_its_length(text):
    for runs in token_runs("x.c", [text, text]):
        assert not runs or sum(int(word.lstrip("kctsnpf")) for word in runs.split()) == len(text)
