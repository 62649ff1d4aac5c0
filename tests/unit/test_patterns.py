"""Users' regular expressions match in bounded time, and mean what they mean in Python where both have them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.cli import main
from analyzer.diff.symbol_history import read_history
from analyzer.errors import AnalyzerError
from analyzer.patterns import PatternError, linear_pattern
from tests.support.inputs import FOLDER, write_inputs

CATASTROPHIC = ["(.*)*Z", "(a+)+$b", "(a|aa)+$b", "(.*a){30}Z", "(a|a?)+Z", "(?:a*)*(?:a*)*Z"]
SECONDS = 20  # a backtracking engine needs years


@pytest.mark.threat(
    "A pattern matches without end",
    source="allow-lists, lists of names, patterns of the command line",
    defence="RE2 matches in linear time; look-around and back-references are refused",
)
@pytest.mark.parametrize("text", CATASTROPHIC)
def test_no_expression_takes_long(text):
    started = time.monotonic()
    assert not linear_pattern(text).fullmatch("a" * 5000)
    assert time.monotonic() - started < SECONDS


@pytest.mark.threat("A pattern matches without end")
@pytest.mark.parametrize("option", ["--to", "--from", "--via", "--not-via"])
def test_paths_ends_for_every_pattern(option, tmp_path, capsys):
    folder = write_inputs(tmp_path)[FOLDER]
    recording = folder / "recording.jsonl"
    recording.write_text(recording.read_text().replace("middle", "m" * 5000))
    patterns = {"--from": "main", "--to": "goal", option: "(.*)*Z"}
    started = time.monotonic()
    assert main(["paths", str(folder), *(word for pair in patterns.items() for word in pair)]) in (0, 1, 3)
    assert time.monotonic() - started < SECONDS


def test_a_comparison_ends_for_every_allow_list_and_file_of_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = write_inputs(tmp_path)[FOLDER]
    recording = folder / "recording.jsonl"
    (tmp_path / "new.jsonl").write_text(recording.read_text().replace('"middle"', f'"{"m" * 5000}"'))
    (tmp_path / "allow.toml").write_text('[[allow]]\nsubject = "(.*)*Z"\nreason = "x"\n')
    (tmp_path / "names.toml").write_text('[[pattern]]\nmatch = "(.*)*Z"\nname = "x"\n')
    started = time.monotonic()
    assert main(["diff", str(folder), "new.jsonl", "--allow", "allow.toml", "--names", "names.toml"]) == 1
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(?=a)b", "look-ahead and look-behind"),
        ("(?<!a)b", "look-ahead and look-behind"),
        (r"(a)\1", "back-references"),
        (r"(?P<x>a)(?P=x)", "back-references"),
        ("(", "missing"),
        ("a{1001}", "repetition"),
        ("a{99999999999}", "repetition"),
        ("((((a{90}){90}){90}){90})", "repetition"),
        ("[z-a]", "range"),
    ],
)
def test_what_is_refused_is_refused_with_the_reason(text, reason):
    with pytest.raises(PatternError, match=reason):
        linear_pattern(text)


@given(st.text("ab.*+?|()[]^$\\d", max_size=8), st.text("ab1", max_size=6))
def test_an_expression_that_both_engines_have_matches_the_same_texts(text, subject):
    try:
        ours, theirs = linear_pattern(text), re.compile(text)
    except (PatternError, re.error):
        return
    assert ours.fullmatch(subject) == (theirs.fullmatch(subject) is not None)


@given(st.text(), st.text())
def test_no_text_breaks_the_engine(text, subject):
    try:
        linear_pattern(text).fullmatch(subject)
    except PatternError as error:
        assert str(error)


def test_groups_are_put_into_the_template():
    pattern = linear_pattern(r"(?P<first>\w)(\w)?_v\d+")
    assert pattern.replaced("a_v7", r"\1\2_N\\") == "a_N\\"
    assert pattern.replaced("ab_v7", r"\g<first>\g<2>é") == "abé"
    assert pattern.replaced("other", r"\1") is None


@pytest.mark.parametrize("name", [r"\3", r"\g<no>", "x" * 1001])
def test_a_template_that_cannot_be_filled_is_an_error_of_its_file(name):
    with pytest.raises(AnalyzerError, match=r"names\.toml is no history of names: name "):
        read_history(f"[[pattern]]\nmatch = '(a)(b)'\nname = '{name}'", "names.toml")


def test_patterns_do_not_make_a_name_grow_without_end():
    history = read_history("[[pattern]]\nmatch = '(.*)'\nname = '" + r"\1" * 400 + "'", "names.toml")
    assert history.canonical_name("a" * 30) == "a" * 30
