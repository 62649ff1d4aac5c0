"""Options that mean the same in every verb: `-o` and `--out` wherever something is written, `--json` for data."""

from __future__ import annotations

import json

import pytest

from analyzer.cli import VERBS, main, parse
from analyzer.commands import doctor
from analyzer.commands.doctor import HostCheck
from tests.support.inputs import BASELINE, FOLDER, GRAPH, write_inputs


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_inputs(tmp_path)


@pytest.fixture
def host(monkeypatch):
    """A host without graphviz, and without what `needed` names."""

    def lacks(needed=""):
        checks = [HostCheck("gdb", needed != "gdb", True, "13.1", "apt install gdb" if needed == "gdb" else "")]
        checks.append(HostCheck("graphviz", False, False, "no dot", "apt install graphviz"))
        monkeypatch.setattr(doctor, "examine_host", lambda *_: iter(checks))

    return lacks


WRITERS = {
    "startup": ["--qemu", "x"],
    "io": ["--qemu", "x"],
    "import": ["x.txt"],
    "graph": ["out"],
    "export": ["out"],
    "completion": ["bash"],
    "report": ["out"],
    "paths": ["out", "--from", "main", "--to", "goal"],
    "diff": ["out", "out"],
    "baseline": ["check"],
    "ci": ["script"],
}
WRITTEN = {  # verb -> the name, and how what is written begins
    "import": ("folder", None),
    "graph": ("g.json", "{"),
    "export": ("e.json", "{"),
    "completion": ("analyze", "#compdef analyze"),
    "report": ("r.html", "<!doctype html"),
    "paths": ("p.json", "{"),
    "diff": ("d.json", "{"),
    "baseline": ("b.json", "{"),
    "ci": ("c.sh", "#!"),
}


@pytest.mark.parametrize("option", ["-o", "--out", "--output"])
@pytest.mark.parametrize("verb", WRITERS)
def test_everything_that_writes_takes_each_name_of_the_option(verb, option):
    assert str(parse([verb, *WRITERS[verb], option, "somewhere"]).out) == "somewhere"


@pytest.mark.parametrize("option", ["-o", "--out"])
@pytest.mark.parametrize("verb", WRITTEN)
def test_what_is_written_lies_where_the_option_says(verb, option, tmp_path, capsys):
    (tmp_path / "x.txt").write_text("#0  leaf () at a.c:1\n#1  main () at a.c:2\n")
    assert main(["baseline", "update", "--of", "out"]) == 0
    name, begin = WRITTEN[verb]
    more = ["--of", "out"] if verb == "baseline" else []
    assert main([verb, *WRITERS[verb], *more, option, name]) == 0
    if begin is None:
        assert (tmp_path / name / "recording.jsonl").is_file()
    else:
        assert (tmp_path / name).read_text().lower().startswith(begin)


def test_the_help_of_every_verb_that_writes_names_the_option_in_the_same_words(capsys):
    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        text = capsys.readouterr().out
        assert ("-o FILE, --out FILE" in text or "-o DIR, --out DIR" in text) == (verb in WRITERS), verb


DATA = {
    "show": (["show", "out"], "backtraces"),
    "show of a graph": (["show", "GRAPH"], "chains"),
    "show of a baseline": (["show", "BASELINE"], "chains"),
    **{
        f"show {view} of {what}": (["show", what, f"--{view}"], view)
        for view in ("tree", "pointers", "ioctls", "accesses")
        for what in ("out", "GRAPH", "BASELINE")
    },
    **{f"summary of {what}": (["summary", what], "summary") for what in ("out", "GRAPH", "BASELINE")},
    "paths": (["paths", "out", "--from", "main", "--to", "goal"], "paths"),
    "diff": (["diff", "out", "GRAPH"], "changes"),
    "graph": (["graph", "out"], "graph"),
    "build --list": (["build", "--list"], "cache"),
    "doctor": (["doctor"], "doctor"),
    "baseline check": (["baseline", "check", "--of", "out"], "changes"),
}


def asked(what, files):
    names = {"GRAPH": files[GRAPH].name, "BASELINE": files[BASELINE].name, "out": files[FOLDER].name}
    return [*(names.get(word, word) for word in DATA[what][0]), "--json"]


@pytest.mark.parametrize("what", DATA)
def test_json_is_a_document_with_its_format_and_its_schema(what, files, host, capsys):
    host()
    main(["baseline", "update", "--of", "out"])
    capsys.readouterr()
    assert main(asked(what, files)) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == f"qemu-callchain {DATA[what][1]}"
    assert isinstance(document["schema"], int) and document["schema"] >= 1
    assert list(document)[:2] == ["format", "schema"]


def shown(capsys, *arguments):
    assert main(["show", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_backtraces_as_json_have_arguments_and_the_chains_of_a_graph_have_kinds(files, capsys):
    (stop,) = shown(capsys, "out")["backtraces"]
    assert (stop["milestones"], stop["time"], stop["thread"]) == (["goal"], 0.5, "main thread")
    assert [(frame["name"], frame["file"], frame["line"]) for frame in stop["frames"]] == [
        ("goal", "hw/goal.c", 7),
        ("middle", "hw/middle.c", 12),
        ("main", "main.c", 20),
    ]
    assert stop["frames"][0]["arguments"] == [["n", "42"]]
    for name, lines in ((files[GRAPH], [20, 12, 7]), (files[BASELINE], [0, 0, 0])):
        (chain,) = shown(capsys, name)["chains"]
        steps = [(step["function"]["name"], step["kind"], step["pointer"]) for step in chain["steps"]]
        assert steps == [("main", None, None), ("middle", "direct", None), ("goal", "indirect", "Ops.go")]
        assert [step["line"] for step in chain["steps"]] == lines


def test_the_pointers_ioctls_and_accesses_as_json_have_what_the_input_has(files, capsys):
    for name, address, setter in (
        ("out", "0x5000", "hw/ops.c"),
        (files[GRAPH], None, "hw/ops.c"),
        (files[BASELINE], None, ""),
    ):
        (pointer,) = shown(capsys, name, "--pointers")["pointers"]
        assert (pointer["caller"]["name"], pointer["callee"]["name"], pointer["name"]) == (
            "middle",
            "goal",
            "Ops.go",
        )
        assert (pointer["address"], pointer["outcome"]) == (address, "explained")
        assert [(step["what"], step["function"], step["file"]) for step in pointer["set_by"]] == [
            ("stored", "set_up", setter)
        ]
    for name, fd, chain in (
        ("out", 9, ["main", "middle"]),
        (files[GRAPH], None, ["middle"]),
        (files[BASELINE], None, []),
    ):
        (ioctl,) = shown(capsys, name, "--ioctls")["ioctls"]
        assert (ioctl["request"], ioctl["descriptor"], ioctl["fd"]) == ("KVM_RUN", "vcpu", fd)
        assert ioctl["chain"] == chain
    (access,) = shown(capsys, "out", "--accesses")["accesses"]
    assert (access["kind"], access["address"], access["value"]) == ("port write", 0x80, 0x5A)
    assert shown(capsys, files[GRAPH], "--accesses")["accesses"] == []


def test_show_as_json_takes_one_function_as_the_text_does(files, capsys):
    assert len(shown(capsys, "out", "goal")["backtraces"]) == 1
    assert main(["show", "out", "nobody", "--json"]) == 2
    assert main(["show", files[GRAPH].name, "nobody", "--json"]) == 2


@pytest.mark.parametrize("verb", ["paths", "diff", "baseline check"])
def test_json_is_the_same_as_the_format_of_that_name_and_contradicts_another(verb, files, capsys):
    main(["baseline", "update", "--of", "out"])
    arguments = asked(verb, files)
    capsys.readouterr()
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert main([*arguments[:-1], "--format", "json"]) == 0
    assert capsys.readouterr().out == printed
    assert main([*arguments, "--format", "json"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--format", "text"]) == 2
    said = capsys.readouterr().err
    assert "--json and --format text contradict each other" in said
    assert f"See analyze {verb.split()[0]} --help." in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["graph", "out", "--json", "-o", "g.dot"], "--json and -o g.dot contradict each other"),
        (["build", "1.6.0", "--json"], "--json is for --list"),
        (["baseline", "update", "--json"], "--format, --json and -o are for check"),
    ],
)
def test_json_where_there_is_no_data_is_a_usage_error(arguments, complaint, tmp_path, capsys):
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "g.dot").exists()


def test_the_graph_on_standard_output_is_the_one_in_the_file(tmp_path, capsys):
    assert main(["graph", "out", "-o", "g.json"]) == 0
    capsys.readouterr()
    for arguments in (["graph", "out"], ["graph", "out", "--json"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out == (tmp_path / "g.json").read_text()
    assert main(["graph", "out", "--json", "-o", "graph"]) == 0
    assert (tmp_path / "graph").read_text() == (tmp_path / "g.json").read_text()


@pytest.mark.parametrize(("lacks", "status"), [("", 0), ("gdb", 3)])
def test_the_doctor_as_json_has_each_check_with_its_remedy(lacks, status, host, capsys):
    host(lacks)
    assert main(["doctor", "--json"]) == status
    document = json.loads(capsys.readouterr().out)
    assert document["usable"] == (status == 0)
    assert [(check["subject"], check["ok"]) for check in document["checks"]] == [
        ("gdb", status == 0),
        ("graphviz", False),
    ]
    assert document["checks"][1]["remedy"] == "apt install graphviz"


def test_the_cache_as_json_has_sizes_in_bytes(tmp_path, monkeypatch, capsys):
    from analyzer.build.cache import Cache

    folder = Cache.default().folder
    assert str(tmp_path) in str(folder), "the test must not look at the cache of whoever runs it"
    (folder / "downloads").mkdir(parents=True)
    (folder / "downloads" / "qemu-1.6.0.tar.bz2").write_text("x" * 1000)
    assert main(["build", "--list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(folder)
    (entry,) = document["entries"]
    assert entry["size"] >= 1000
    assert set(entry) == {"kind", "name", "size", "description", "needed"}


def test_the_report_of_an_output_folder_lies_in_it_without_an_option(tmp_path, capsys):
    assert main(["report", "out", "-o", "r.html"]) == 0
    (tmp_path / "out" / "report.html").unlink(missing_ok=True)
    capsys.readouterr()
    assert main(["report", "out"]) == 0
    assert capsys.readouterr().out == "out/report.html\n"
    assert (tmp_path / "out" / "report.html").read_text() == (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    "inputs", [["out/recording.jsonl"], ["out", "out"], ["GRAPH"], ["reference:1.6.0"], ["-"]]
)
def test_the_report_of_anything_else_needs_the_option(inputs, files, tmp_path, capsys):
    assert main(["report", *(files[GRAPH].name if name == "GRAPH" else name for name in inputs)]) == 2
    said = capsys.readouterr().err
    assert "report needs -o FILE, unless its only input is an output folder" in said
    assert "See analyze report --help." in said
    assert list(tmp_path.rglob("report.html")) == []


def test_a_folder_without_a_recording_gets_no_report(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["report", "empty"]) == 3
    assert "holds neither" in capsys.readouterr().err
    assert list((tmp_path / "empty").iterdir()) == []
