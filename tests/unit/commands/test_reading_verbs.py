"""Every verb that reads takes every kind of input, and says what an input cannot give."""

from __future__ import annotations

import json

import pytest

from analyzer.cli import main
from tests.support.inputs import BACKTRACE, BASELINE, FOLDER, GRAPH, KINDS, RECORDING, write_inputs

REFERENCE = "a reference"
RECORDED = (FOLDER, RECORDING)
NO_ARGUMENTS, NO_LINES = "has no arguments, times or single stops", "has no line numbers"


@pytest.fixture
def name_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = write_inputs(tmp_path)
    return lambda kind: "reference:1.6.0" if kind == REFERENCE else str(files[kind].relative_to(tmp_path))


VERBS = {
    "show": ["show", "INPUT"],
    "show FUNC": ["show", "INPUT", "goal"],
    "show --pointers": ["show", "INPUT", "--pointers"],
    "show --ioctls": ["show", "INPUT", "--ioctls"],
    "show --accesses": ["show", "INPUT", "--accesses"],
    "show --tree": ["show", "INPUT", "--tree"],
    "summary": ["summary", "INPUT"],
    "graph": ["graph", "INPUT"],
    "report": ["report", "INPUT", "-o", "report.html"],
    "paths": ["paths", "INPUT", "--from", "main", "--to", "goal"],
    "diff": ["diff", "INPUT", "INPUT", "--json"],
}
WORDS = {  # verb -> what it prints or writes of each kind
    "show": {
        **dict.fromkeys(
            RECORDED, "== The goal (main thread, 0.500 s)\n#0  0x0000000000000010 in goal (n=42) at hw/"
        ),
        GRAPH: "== The goal (main thread)\n#0  goal () at hw/goal.c:7\n#1  middle () at hw/middle.c:12\n#2  ",
        BASELINE: "== The goal (main thread)\n#0  goal () at hw/goal.c\n#1  middle () at hw/middle.c\n#2  main ()",
        BACKTRACE: "#0  0x0000000000000010 in goal (n=42) at hw/goal.c:7\n",
        REFERENCE: "pc_init1 (",
    },
    "show FUNC": dict.fromkeys(KINDS, "goal ("),
    "show --pointers": {
        **dict.fromkeys(
            RECORDED,
            "middle *> goal  (hw/middle.c:12)\n    through Ops.go at 0x5000\n    stored in Ops.go by set_up",
        ),
        GRAPH: "middle *> goal  (hw/middle.c:12)\n    through Ops.go\n    stored in Ops.go by set_up, hw/",
        BASELINE: "middle *> goal  (hw/middle.c)\n    through Ops.go\n    stored in Ops.go by set_up\n",
        BACKTRACE: "",
        REFERENCE: "",
    },
    "show --ioctls": {
        **dict.fromkeys(RECORDED, "ioctl(9<anon_inode:kvm-vcpu:0>, KVM_RUN) = 0"),
        GRAPH: "main thread  ioctl(anon_inode:kvm-vcpu:0, KVM_RUN)  middle\n",
        BASELINE: "main thread  ioctl(anon_inode:kvm-vcpu:0, KVM_RUN)\n",
        BACKTRACE: "",
        REFERENCE: "",
    },
    "show --accesses": {
        **dict.fromkeys(RECORDED, "port write 0x80, 1 byte = 0x5a"),
        **dict.fromkeys((GRAPH, BASELINE, BACKTRACE, REFERENCE), ""),
    },
    "summary": {
        **dict.fromkeys(
            (*RECORDED, GRAPH), "  kind                    calls  hits\n  direct call                 1     1\n"
        ),
        BASELINE: "graph:",
        BACKTRACE: "stacks:   1 stack, 1 distinct\n",
        REFERENCE: "QEMU 1.6.0\n",
    },
    "show --tree": {
        **dict.fromkeys(RECORDED, "== main thread\nmain  1\n > middle  1\n*> goal  1  through Ops.go\n"),
        **dict.fromkeys((GRAPH, BASELINE), "== main thread\nmain\n > middle\n*> goal  through Ops.go\n"),
        BACKTRACE: "main  1\n.> middle  1\n.> goal  1\n",
        REFERENCE: "pc_init1  ",
    },
    "graph": dict.fromkeys((*KINDS, REFERENCE), '"format": "qemu-callchain graph"'),
    "report": {**dict.fromkeys(KINDS, "middle"), REFERENCE: "pc_init1"},
    "paths": dict.fromkeys(KINDS, "1. main to goal, 2 calls"),
    "diff": dict.fromkeys((*KINDS, REFERENCE), '"findings": []'),
}
SAID = {  # verb -> what is on standard error for the kinds that cannot give all of it
    **{
        verb: {GRAPH: NO_ARGUMENTS, BASELINE: NO_LINES}
        for verb in ("show", "show FUNC", "show --tree", "summary", "report")
    },
    "show --pointers": {
        GRAPH: NO_ARGUMENTS,
        BASELINE: NO_LINES,
        **dict.fromkeys((BACKTRACE, REFERENCE), "no function pointers were explained"),
    },
    "show --ioctls": {
        GRAPH: NO_ARGUMENTS,
        BASELINE: NO_LINES,
        **dict.fromkeys((BACKTRACE, REFERENCE), "the ioctls were not recorded"),
    },
    "show --accesses": {
        **dict.fromkeys((GRAPH, BASELINE), "the guest's accesses are only in a recording"),
        **dict.fromkeys((BACKTRACE, REFERENCE), "the guest's accesses were not recorded"),
    },
    "graph": {BASELINE: NO_LINES},
    "paths": {BASELINE: NO_LINES},
    "diff": {},
}
TABLE = [(verb, kind) for verb in VERBS for kind in WORDS[verb]]


@pytest.mark.parametrize(("verb", "kind"), TABLE)
def test_every_verb_takes_every_input_and_says_what_it_cannot_give(verb, kind, name_of, tmp_path, capsys):
    arguments = [name_of(kind) if word == "INPUT" else word for word in VERBS[verb]]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    written = (tmp_path / "report.html").read_text() if verb == "report" else printed.out
    assert WORDS[verb][kind] in written
    expected = SAID[verb].get(kind, "")
    assert expected in printed.err
    assert bool(expected) == bool(printed.err)


def test_the_table_has_every_verb_and_every_kind():
    left_out = {(verb, REFERENCE) for verb in ("show FUNC", "paths")}  # its functions have other names
    assert set(TABLE) == {(verb, kind) for verb in VERBS for kind in (*KINDS, REFERENCE)} - left_out


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_is_checked_against_every_input_and_made_of_every_recorded_one(kind, name_of, capsys):
    assert main(["baseline", "update", "b", "--of", name_of(FOLDER)]) == 0
    assert main(["baseline", "update", "other", "--of", name_of(kind)]) == (2 if kind == BACKTRACE else 0)
    status = main(["baseline", "check", "b", "--of", name_of(kind)])
    printed = capsys.readouterr()
    assert status == (2 if kind == BACKTRACE else 0), printed.err
    assert ("is an imported backtrace" in printed.err) == (kind == BACKTRACE)


@pytest.mark.parametrize("kind", [GRAPH, BASELINE])
def test_a_report_says_in_the_page_what_its_input_lacks(kind, name_of, tmp_path, capsys):
    assert main(["report", name_of(kind), "-o", "r.html"]) == 0
    lacks = {GRAPH: "A graph has no arguments", BASELINE: "A baseline has no line numbers"}[kind]
    assert lacks in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("kind", [GRAPH, BASELINE])
def test_a_function_without_a_chain_names_those_that_have_one(kind, name_of, capsys):
    assert main(["show", name_of(kind), "gaol"]) == 2
    said = capsys.readouterr().err
    assert "No chain to gaol is in this graph." in said
    assert "Similar: goal." in said


def test_a_graph_of_an_incomplete_recording_says_so(name_of, tmp_path, capsys):
    document = json.loads((tmp_path / name_of(GRAPH)).read_text())
    document["provenance"]["complete"] = False
    (tmp_path / "part").write_text(json.dumps(document))
    assert main(["show", "part"]) == 0
    assert "is incomplete" in capsys.readouterr().err


def test_a_name_in_a_graph_cannot_act_on_a_terminal(name_of, tmp_path, capsys):
    for kind in (GRAPH, BASELINE):
        text = (tmp_path / name_of(kind)).read_text()
        evil = text.replace('"middle"', '"mid\\u001b[31mdle"').replace(" middle hw", ' "mid\\u001b[31mdle" hw')
        (tmp_path / "evil").write_text(evil)
        for view in ([], ["--pointers"], ["--ioctls"], ["--json"]):
            assert main(["show", "evil", *view]) == 0
            printed = capsys.readouterr()
            assert "\x1b" not in printed.out + printed.err
