"""Outputs of a comparison against the published schemas of their formats, with whatever a program is called."""

from __future__ import annotations

import importlib.metadata
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import requests_cache
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.diff.change import Change, ChangeKind
from gdbscripts.call_kinds import CallKind
from reports import findings
from reports.ci import gitlab, json_document, junit, sarif
from reports.formats import FORMATS, format_of
from tests.conftest import need
from tests.support.hostile import NAMES, hostile
from tests.support.verdicts import chain, example, many, verdict

# GitLab publishes its Code Quality format as a table of its manual, not as a schema that could be installed. In
# the words of this project: an array of objects with five members; the severity is one of five words; the path is
# not absolute; a line is counted from one. More members are allowed.
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def packaged(package, name):
    """A file of an installed package."""
    return next(Path(str(f.locate())) for f in importlib.metadata.files(package) if f.name == name)


@pytest.fixture(scope="module")
def sarif_schema():
    """SARIF's schema, from a package with the schemas of schemastore.org; nothing is asked of the network."""
    store = packaged("schemastore", "cache.sqlite").with_suffix("")
    with requests_cache.CachedSession(str(store), expire_after=requests_cache.NEVER_EXPIRE) as session:
        kept = session.cache.filter(valid=True, expired=True)
        return next(one.json() for one in kept if one.url.endswith("/sarif-2.1.0.json"))


@pytest.fixture(scope="module")
def sarif_is_valid(sarif_schema):
    validator = jsonschema.validators.validator_for(sarif_schema)(sarif_schema)
    return lambda text: validator.is_valid(json.loads(text))


@pytest.fixture(scope="module")
def junit_is_valid():
    """JUnit's schema as Ant has it and most tools name it, from a package that reads such reports."""
    try:
        schema = packaged("ub-test-reports", "JUnit.xsd")
    except importlib.metadata.PackageNotFoundError:
        schema = None
    need(schema, "the package ub-test-reports, which wants Python 3.11")
    from lxml import etree

    validator = etree.XMLSchema(etree.parse(str(schema)))
    return lambda text: validator.validate(etree.fromstring(text.encode()))


@pytest.fixture(scope="module")
def json_is_valid():
    schema = schema_of_changes()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    return lambda text: validator.is_valid(json.loads(text))


def schema_of_changes():
    return json.loads(Path(json_document.__file__).with_name("changes.schema.json").read_text())


def code_quality_is_valid(text):
    return jsonschema.Draft202012Validator(CODE_QUALITY).is_valid(json.loads(text))


VERDICTS = {
    "everything": example,
    "nothing": verdict,
    "the same": lambda: verdict(chain("goal", "  main@vl\n  > a@x\n")),
    "300 changes": lambda: example(extra=many(300)),
    "lost": lambda: verdict(
        chain("goal", "- main@vl\n- > a@x\n", threads=("main thread", ""), own=[ChangeKind.CHAIN_REMOVED])
    ),
    **{f"hostile {number}": lambda name=name: hostile(name) for number, name in enumerate(NAMES)},
}


@pytest.mark.parametrize("which", VERDICTS)
def test_every_document_is_valid(which, sarif_is_valid, junit_is_valid, json_is_valid):
    found = VERDICTS[which]()
    assert sarif_is_valid(sarif.render(found))
    assert junit_is_valid(junit.render(found))
    assert json_is_valid(json_document.render(found))
    assert code_quality_is_valid(gitlab.render(found))


def test_a_wrong_document_is_not_valid(sarif_is_valid, junit_is_valid, json_is_valid):
    found = example()
    for text in ('"level": "error"', '"version": "2.1.0"', '"kind": "external"', '"startLine": 10'):
        assert text in sarif.render(found)
        assert not sarif_is_valid(sarif.render(found).replace(text, text.split(":")[0] + ': "wrong"'))
    for text in ('hostname="localhost"', 'time="0"', "<system-err>Entry 3 matches nothing.</system-err>"):
        assert text in junit.render(found)
        assert not junit_is_valid(junit.render(found).replace(text, ""))
    for text in ('"schema": 1', '"kind": "inserted"', '"status": 1', '"milestone": "goal"'):
        assert text in json_document.render(found)
        assert not json_is_valid(json_document.render(found).replace(text, text.split(":")[0] + ": []"))
    for text in ('"severity": "major"', '"begin": 10', '"path": "qemu"'):
        assert text in gitlab.render(found)
        assert not code_quality_is_valid(gitlab.render(found).replace(text, text.split(":")[0] + ': "/"'))


@pytest.mark.parametrize("word", FORMATS)
def test_the_same_verdict_gives_the_same_bytes(word):
    assert FORMATS[word].render(example()) == FORMATS[word].render(example())
    assert "\x1b" not in FORMATS[word].render(example())
    assert FORMATS[word].render(example()).endswith("\n")


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_no_name_at_all_breaks_a_format(name):
    for one in FORMATS.values():
        assert one.render(hostile(name)).encode()
    ET.fromstring(junit.render(hostile(name)))


@pytest.mark.parametrize(
    ("file", "word"),
    [
        ("a.json", "json"), ("a.md", "md"), ("a.SARIF", "sarif"), ("a.sarif.json", "sarif"), ("a.xml", "junit"),
        ("gl-code-quality-report.json", "gitlab"), ("codequality.json", "gitlab"), ("a.txt", "text"), ("a", ""),
        ("json", ""),
    ],
)  # fmt: skip
def test_the_end_of_a_name_chooses_the_format(file, word):
    assert format_of(file) == word


# What all lists share


def test_the_worst_is_told_first_and_what_could_not_be_checked_is_an_error():
    told = findings.findings(example())
    levels = [item.level for item in told]
    assert levels == sorted(levels, key=["error", "warning", "notice"].index)
    assert told[0].check == "rule-broken"
    assert [item.level for item in told if item.check == "not-checked"] == ["error"]
    assert [item.level for item in told if item.check == "stale-entry"] == ["warning"]
    assert [item.text for item in told if item.accepted] == [
        "went is removed after came: accepted, known since May"
    ]


def test_entries_that_do_not_fit_are_errors_where_they_count():
    assert [item.level for item in findings.findings(verdict(stale=["an entry"]))] == ["warning"]
    assert [item.level for item in findings.findings(verdict(stale=["an entry"], stale_counts=True))] == ["error"]


def test_a_fingerprint_stays_when_lines_move_and_is_never_given_twice():
    one = Change(ChangeKind.MOVED, "f", "a.c", "b.c", chains=("goal",), file="b.c", line=10)
    other = Change(ChangeKind.MOVED, "f", "a.c", "b.c", chains=("goal",), file="b.c", line=99)
    prints = [[item.fingerprint for item in findings.findings(verdict(extra=[change]))] for change in (one, other)]
    assert prints[0] == prints[1]
    found = verdict(stale=["the same", "the same"], not_comparable=[("a", "b"), ("a", "c")])
    fingerprints = [item.fingerprint for item in findings.findings(found)]
    assert len(set(fingerprints)) == 4 and all(re.fullmatch("[0-9a-f]{64}", text) for text in fingerprints)


# JSON


def test_the_schema_knows_every_kind_of_change_and_of_call():
    kinds = schema_of_changes()["$defs"]
    assert set(kinds["finding"]["properties"]["kind"]["enum"]) == {kind.value for kind in ChangeKind}
    assert set(kinds["step"]["oneOf"][1]["properties"]["kind"]["enum"]) == {
        None,
        *(kind.value for kind in CallKind),
    }


def test_json_rows_point_to_their_findings():
    data = json.loads(json_document.render(example()))
    assert data["status"] == 1 and data["summary"].endswith("1 not comparable.")
    row = next(row for row in data["chains"][0]["rows"] if row["new"] and row["new"]["function"] == "new_name")
    (finding,) = [data["findings"][number] for number in row["findings"]]
    assert (finding["kind"], finding["old"], finding["new"]) == ("renamed", "old_name", "new_name")
    assert finding["chains"] == ["goal", "later"] and finding["counts"]


def test_json_keeps_names_as_they_are():
    for name in NAMES:
        data = json.loads(json_document.render(hostile(name)))
        assert data["chains"][0]["old_thread"] == name and data["stale"] == [name]
