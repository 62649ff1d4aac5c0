"""Paths: the recorded ones, and those that are put together from several stacks."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.cli import main
from analyzer.errors import UsageError
from analyzer.graph.callgraph import Call, CallGraph, Node, Provenance
from analyzer.graph.document import to_json
from analyzer.graph.listing import Found, path_lines, paths_text
from analyzer.graph.merge import merge
from analyzer.graph.paths import Finder
from analyzer.graph.patterns import near, parse_pattern
from analyzer.graph.search import Net, Search, Steps, Wishes
from analyzer.model import Function, Kind
from analyzer.querying import make_query
from tests.notation import ARROWS, recording
from tests.unit.test_graph import thread_recording

MARKS = {arrow.strip(): kind for kind, arrow in ARROWS.items()}


def query(start="main", goal="goal", via=(), not_via=(), kinds=(), only_kinds=()):
    return make_query(start, goal, via, not_via, kinds, only_kinds)


def notation(path):
    first = path.calls[0].caller.name
    text = first + "".join(f"{ARROWS[call.kind]}{call.callee.name}" for call in path.calls)
    return f"{text} (recorded)" if path.recorded else text


def found(lines, shortest=False, only_recorded=False, **asked):
    finder = Finder(merge([recording(*lines)]), query(**asked))
    ways = finder.shortest if shortest else finder.all
    paths = list(map(notation, ways(only_recorded)))
    assert not finder.gave_up
    return paths


CROSSING = ["main > a > x > b > goal", "main > c > x > d > goal"]
RECORDED_FIRST = [
    "main > a > x > b > goal (recorded)",
    "main > c > x > d > goal (recorded)",
    "main > a > x > d > goal",
    "main > c > x > b > goal",
]
TABLE = [
    # lines, what is asked, answer
    (["main > goal"], {}, ["main > goal (recorded)"]),
    (["main > a", "b > goal"], {}, []),
    (["goal > main"], {}, []),
    (CROSSING, {}, RECORDED_FIRST),
    (CROSSING, {"only_recorded": True}, RECORDED_FIRST[:2]),
    (CROSSING, {"via": ["a", "d"]}, RECORDED_FIRST[2:3]),
    (CROSSING, {"via": ["a", "d"], "only_recorded": True}, []),
    (CROSSING, {"via": ["d", "a"]}, RECORDED_FIRST[2:3]),
    (CROSSING, {"via": ["a|d"]}, RECORDED_FIRST[:3]),
    (CROSSING, {"via": ["main", "goal"]}, RECORDED_FIRST),
    (CROSSING, {"not_via": ["a"]}, [RECORDED_FIRST[1], RECORDED_FIRST[3]]),
    (CROSSING, {"not_via": ["a", "b"]}, RECORDED_FIRST[1:2]),
    (CROSSING, {"not_via": ["x"]}, []),
    (CROSSING, {"not_via": ["goal"]}, []),
    (CROSSING, {"start": "a|b", "goal": "x|goal", "shortest": True}, [
        "a > x > b > goal (recorded)", "a > x > d > goal", "b > goal (recorded)", "a > x (recorded)"]),
    # a short way that is put together, and the real one
    (["main > a > b > c > goal", "main > c"], {},
     ["main > a > b > c > goal (recorded)", "main > c > goal"]),
    (["main > a > b > c > goal", "main > c"], {"shortest": True}, ["main > c > goal"]),
    (["main > a > b > c > goal", "main > c"], {"shortest": True, "only_recorded": True},
     ["main > a > b > c > goal (recorded)"]),
    (["main > a > goal", "main > goal"], {"shortest": True, "only_recorded": True}, ["main > goal (recorded)"]),
    # kinds
    (["main > a *> goal", "main > a > goal"], {}, ["main > a > goal (recorded)", "main > a *> goal (recorded)"]),
    (["main > a *> goal", "main > a > goal"], {"kinds": ["indirect"]}, ["main > a *> goal (recorded)"]),
    (["main > a *> goal", "main > a > goal"], {"only_kinds": ["direct"]}, ["main > a > goal (recorded)"]),
    (["main ~> a *> goal", "main > a +> goal"], {"kinds": ["tail", "inline"]}, ["main ~> a +> goal"]),
    (["main ~> a *> goal", "main > a +> goal"], {"kinds": ["tail,inline"]},
     ["main > a +> goal (recorded)", "main ~> a *> goal (recorded)", "main ~> a +> goal"]),
    (["main ~> a *> goal", "main > a +> goal"], {"only_kinds": ["tail,inline"]}, ["main ~> a +> goal"]),
    (["main ~> a *> goal", "main > a +> goal"], {"only_kinds": ["tail", "inline"]}, ["main ~> a +> goal"]),
    # recursion: as recorded, else no function twice; a way back to the beginning is one
    (["main > f > g > f > goal"], {},
     ["main > f > g > f > goal (recorded)", "main > f > goal"]),
    (["main > f > g > f > goal"], {"via": ["g"], "shortest": True}, ["main > f > g > f > goal (recorded)"]),
    (["main > f > g > f > goal", "main > h > i > j", "j > g2 > goal"], {"via": ["g2?"], "shortest": True},
     ["main > f > g > f > goal (recorded)"]),
    (["main > f > g > f > goal"], {"start": "f", "goal": "f"}, ["f > g > f (recorded)"]),
    (["main > f > f"], {"start": "f", "goal": "f"}, ["f > f (recorded)"]),
    (["f > g", "g > f"], {"start": "f", "goal": "f"}, ["f > g > f"]),
    (["f > g", "g > f"], {"start": "f", "goal": "f", "via": ["g"], "kinds": ["indirect"]}, []),
    # nobody saw what is documented
    (["main > ioctl d> goal"], {}, ["main > ioctl d> goal"]),
    # twins
    (["main > f@one > goal", "main > f@two > goal"], {"via": ["one:f"]}, ["main > f > goal (recorded)"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "asked", "answer"), TABLE)
def test_what_is_asked_is_what_is_found(lines, asked, answer):
    assert found(lines, **asked) == answer


def test_each_pair_has_its_shortest_before_any_has_longer_ones():
    lines = ["main > a", "a > near", "main > b", "b > a", "main > c", "c > d", "d > e", "e > far"]
    assert found(lines, goal="near|far")[:4] == [
        "main > c > d > e > far", "main > a > near", "main > b > a > near",
    ]  # fmt: skip


def test_a_path_goes_on_in_a_thread_that_was_started():
    finder = Finder(merge([thread_recording()]), query())
    assert list(map(notation, finder.all())) == ["main > start => run > goal (recorded)"]


# Small random graphs, against all there is.

NAMES = ["a", "b", "c", "d", "e", "f"]
KINDS = [Kind.DIRECT, Kind.INDIRECT, Kind.TAIL]
EDGES = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(KINDS)), min_size=1, max_size=14
)
CONDITIONS = st.fixed_dictionaries(
    {
        "start": st.sampled_from(["a", "b", "[ab]", "."]),
        "goal": st.sampled_from(["c", "d", "[cd]", "a", "."]),
        "via": st.lists(st.sampled_from(["b", "e", "[ef]"]), max_size=2),
        "not_via": st.lists(st.sampled_from(["b", "f"]), max_size=1),
        "kinds": st.lists(st.sampled_from(["indirect", "tail", "direct,tail"]), max_size=2),
        "only_kinds": st.lists(st.sampled_from(["direct", "indirect,tail"]), max_size=1),
    }
)


def graph_of_edges(edges):
    graph = CallGraph(Provenance("test", "", "", "", "", "", True))
    for name in {name for caller, callee, _ in edges for name in (caller, callee)}:
        graph.put(Node(Function(name, "main")))
    for caller, callee, kind in sorted(edges):
        graph.connect(Call(Function(caller, "main"), Function(callee, "main"), kind, 1))
    return graph


def everything(edges, asked):
    """All that there is, tried one by one: tuples of (caller, callee, kind)."""
    wanted = query(**asked)
    ways = [[edge] for edge in edges if wanted.start.name.fullmatch(edge[0])]
    answer = set()
    while ways:
        way = ways.pop()
        names = [way[0][0], *(callee for _, callee, _ in way)]
        if meets(names, way, wanted):
            answer.add(tuple(way))
        if len(set(names)) == len(names):
            ways += [[*way, edge] for edge in edges if edge[0] == names[-1] and edge[1] not in names[1:]]
    return answer


def meets(names, way, wanted):
    kinds = {kind for _, _, kind in way}
    return (
        wanted.goal.name.fullmatch(names[-1])
        and len(set(names[1:])) == len(names) - 1
        and names[0] not in names[1:-1]
        and all(any(via.name.fullmatch(name) for name in names) for via in wanted.via)
        and not any(via.name.fullmatch(name) for via in wanted.not_via for name in names)
        and all(kinds & some for some in wanted.kinds)
        and (not wanted.only_kinds or kinds <= wanted.only_kinds)
    )


def plain(path):
    return tuple((call.caller.name, call.callee.name, call.kind) for call in path.calls)


@given(EDGES, CONDITIONS)
@settings(deadline=None, max_examples=300)
def test_all_paths_are_those_that_trying_everything_gives(edges, asked):
    finder = Finder(graph_of_edges(edges), query(**asked))
    paths = list(map(plain, finder.all()))
    assert not finder.gave_up
    assert len(set(paths)) == len(paths)
    assert set(paths) == everything(edges, asked)


@given(EDGES, CONDITIONS)
@settings(deadline=None)
def test_paths_come_shortest_first_and_the_shortest_are_the_beginning(edges, asked):
    graph = graph_of_edges(edges)
    lengths, least = {}, {}
    for path in Finder(graph, query(**asked)).all():
        lengths.setdefault(path.ends, []).append(len(path.calls))
    assert all(sorted(of_pair) == of_pair for of_pair in lengths.values())
    for path in Finder(graph, query(**asked)).shortest():
        least.setdefault(path.ends, []).append(len(path.calls))
    assert least == {ends: [n for n in of_pair if n == of_pair[0]] for ends, of_pair in lengths.items()}


STACKS = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(" > ".join), min_size=1, max_size=4)


@given(STACKS, st.sampled_from(["a", "."]), st.sampled_from(["c", "."]))
@settings(deadline=None)
def test_what_is_called_recorded_is_in_one_piece_in_a_recorded_stack_and_nothing_else_is(stacks, start, goal):
    graph = merge([recording(*stacks)])
    pieces = [f" {stack.replace(' > ', ' ')} " for stack in stacks]
    for path in Finder(graph, query(start, goal)).all():
        names = " ".join(function.name for function in path.functions)
        assert path.recorded == any(f" {names} " in piece for piece in pieces)
        for caller, callee in pairwise(path.functions):
            assert callee in [call.callee for call in graph.callees(caller)]


# Bounds: counted, not timed.


def ladder(steps):
    """`steps` diamonds in a row: as many as two to the power of `steps` paths, all of one length."""
    names = [(f"n{n}", f"{side}{n}", f"n{n + 1}") for n in range(steps) for side in ("l", "r")]
    return graph_of_edges({edge for a, b, c in names for edge in ((a, b, Kind.DIRECT), (b, c, Kind.DIRECT))})


def test_the_first_paths_of_more_than_anyone_can_count_are_there_at_once():
    finder = Finder(ladder(200), query("n0", "n200"), steps=10_000)
    assert len(list(islice(finder.all(), 5))) == 5


def test_a_search_that_takes_too_long_is_cut_off_and_says_so():
    finder = Finder(ladder(40), query("n0", "n40"), steps=10_000)
    paths = list(finder.all())
    assert finder.gave_up
    assert 0 < sum(len(path.calls) for path in paths) <= 10_000


def test_a_chain_without_a_goal_costs_nothing():
    way = " > ".join(f"x{n}" for n in range(20))
    graph = merge([recording(" > ".join(f"f{n}" for n in range(300)), f"f1 > {way} > goal")])
    finder = Finder(graph, query("f.*"), steps=100)  # pieces of the long chain, as long as this, are 6000
    assert notation(next(finder.all())) == f"f1 > {way} > goal (recorded)"


def everywhere(_call):
    return True


def test_the_shortest_path_in_a_big_graph_looks_at_each_call_at_most_once_from_either_end():
    size = 50_000
    edges = {(f"n{n}", f"n{n + 1}", Kind.DIRECT) for n in range(size)}
    edges |= {(f"n{n}", f"n{n // 2}", Kind.DIRECT) for n in range(1, size)}  # as many that lead back
    graph = graph_of_edges(edges)
    steps = Steps(10 * size)
    net = Net(graph, everywhere)
    start, goal = Function("n0", "main"), Function(f"n{size}", "main")
    search = Search(net, [goal], Wishes(), steps)
    assert steps.taken <= len(edges)
    before = steps.taken
    path = next(search.shortest(start))
    assert len(path) == size
    assert steps.taken - before <= len(edges) + len(path) + 1


def test_only_functions_are_entered_from_which_a_goal_is_still_near_enough():
    edges = {("main", "a", Kind.DIRECT), ("a", "goal", Kind.DIRECT), ("main", "n0", Kind.DIRECT)}
    edges |= {(f"n{n}", f"n{n + 1}", Kind.DIRECT) for n in range(1000)}
    steps = Steps(100)
    search = Search(Net(graph_of_edges(edges), everywhere), [Function("goal", "main")], Wishes(), steps)
    assert len(list(search.paths([Function("main", "main")]))) == 1
    assert steps.taken < 20


# Patterns


@pytest.mark.parametrize(
    ("text", "function", "matches"),
    [
        ("main", Function("main", "x"), True),
        ("mai", Function("main", "x"), False),
        ("kvm_.*ioctl", Function("kvm_vm_ioctl", "kvm-all"), True),
        ("kvm_(?:vm|vcpu)_ioctl", Function("kvm_vm_ioctl", "kvm-all"), True),
        ("kvm-all:kvm_.*", Function("kvm_init", "kvm-all"), True),
        ("kvm-all.c:kvm_.*", Function("kvm_init", "kvm-all"), True),
        ("kvm-all:kvm_.*", Function("kvm_init", "kvm_all"), False),
        ("kvm:kvm_.*", Function("kvm_init", "kvm-all"), False),
        ("[kernel]:kvm_.*", Function("kvm_init", "[kernel]"), True),
        ("[kernel]:kvm_.*", Function("kvm_init", "kvm-all"), False),
        ("ns::f", Function("ns::f", "x"), True),
        ("x:ns::f", Function("ns::f", "x"), True),
        (".*", Function("two\nlines", "x"), False),
        ("operator new", Function("operator new", "x"), True),
        ("", Function("main", "x"), False),
    ],
)
def test_a_pattern_matches_the_whole_name(text, function, matches):
    assert parse_pattern(text).matches(function) is matches


@pytest.mark.parametrize("text", ["(", "a{99999999999}", "*", "main:*", "[z-a]"])
def test_what_is_no_regular_expression_is_a_usage_error(text):
    with pytest.raises(UsageError, match="no regular expression"):
        parse_pattern(text)


def test_no_warning_of_python_about_a_pattern_gets_through():
    assert parse_pattern("[[a]").matches(Function("[", "x"))


def test_near_names_are_told_and_those_of_another_file_first():
    graph = merge([recording("main > kvm_vm_ioctl@kvm-all > ioctl")])
    assert near(parse_pattern("kvm_vm_iotcl"), graph)[0] == "kvm_vm_ioctl"
    assert near(parse_pattern("kvm:kvm_vm_ioctl"), graph)[0] == "kvm-all:kvm_vm_ioctl"
    assert near(parse_pattern("x" * 100_000), graph) == []


# The verb


@pytest.fixture
def graph_file(tmp_path):
    base = recording("main@vl > a *> goal", "main@vl > b => c > goal2", "b > a")
    path = tmp_path / "graph.json"
    path.write_text(to_json(merge([base])))
    return str(path)


def test_the_text_looks_like_the_chains_people_know(graph_file, capsys):
    assert main(["paths", graph_file, "--from", "main", "--to", "goal2?"]) == 0
    assert capsys.readouterr().out == (
        "1. main to goal, 2 calls, recorded in one piece, on the way to goal\n"
        "main    hw/vl.c:10\n"
        "  a     hw/main.c:12\n"
        "* goal  hw/main.c\n"
        "\n"
        "2. main to goal2, 3 calls, recorded in one piece, on the way to goal\n"
        "main     hw/vl.c:10\n"
        "  b      hw/main.c:12\n"
        "=> c     hw/main.c:14\n"
        "  goal2  hw/main.c\n"
        "\n"
        "3. main to goal, 3 calls, put together: no chain to a milestone has it in one piece\n"
        "main    hw/vl.c:10\n"
        "  b     hw/main.c:10\n"
        "  a     hw/main.c:12\n"
        "* goal  hw/main.c\n"
        "\n"
        "* through a pointer, => starts a thread\n"
        "What is put together may never have happened in one go; --recorded leaves it out.\n"
    )


def test_the_help_names_all_kinds_of_calls_and_the_list_marks_what_is_not_plain(capsys):
    with pytest.raises(SystemExit):
        main(["paths", "--help"])
    kinds = capsys.readouterr().out.partition("kinds of calls:")[2].partition("exit status")[0]
    assert all(kind.value in kinds.replace(",", " ").split() for kind in Kind)
    graph = merge([recording(*(f"main {arrow.strip()} {kind.name}" for kind, arrow in ARROWS.items()))])
    paths = list(Finder(graph, query(goal=".*")).all())
    marks = {path.calls[0].kind: list(path_lines(path, graph))[1].split()[0] for path in paths}
    assert {kind for kind, mark in marks.items() if mark == kind.name} == {Kind.DIRECT, Kind.KERNEL}


def test_a_limit_says_that_there_are_more_and_only_then(graph_file, capsys):
    asked = ["paths", graph_file, "--from", "main", "--to", "goal"]
    assert main([*asked, "--limit", "1"]) == 0
    assert "and more: 1 is shown" in capsys.readouterr().out
    for enough in (["--limit", "2"], ["--all"], ["--shortest"]):
        assert main([*asked, *enough]) == 0
        assert "more" not in capsys.readouterr().out


def test_the_json_says_all_of_it(graph_file, capsys):
    asked = ["paths", graph_file, "--from", "main", "--to", "goal", "--kind", "tail,indirect", "--limit", "1"]
    assert main([*asked, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["schema"]) == ("qemu-callchain paths", 1)
    assert document["query"]["kind"] == [["indirect", "tail"]]
    assert (document["more"], document["gave_up"]) == (True, False)
    assert document["paths"][0]["recorded"] is True
    assert document["paths"][0]["calls"][1] == {
        "caller": {"name": "a", "where": "main"},
        "callee": {"name": "goal", "where": "main"},
        "kind": "indirect",
        "sites": [["hw/main.c", 12, "call x"]],
        "slots": [],
    }


def test_the_picture_has_what_is_on_the_paths_and_nothing_else(graph_file, capsys, tmp_path):
    output = tmp_path / "part.dot"
    assert main(["paths", graph_file, "--from", "main", "--to", "goal", "--shortest", "-o", str(output)]) == 0
    text = output.read_text()
    assert capsys.readouterr().out == f"{output}\n"
    assert text.count("->") == 2
    assert "goal2" not in text


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--from", "goal", "--to", "main"], 1, "No path leads from goal to main"),
        (["--from", "main", "--to", "goal", "--not-via", "a"], 1, "without conditions there is one"),
        (["--from", "goal", "--to", "main", "--via", "a"], 1, "nor is there one without"),
        (["--from", "b", "--to", "goal", "--recorded"], 1, "No recorded path that meets"),
        (["--from", "main", "--to", "gaol"], 3, "It has goal"),
        (["--from", "main", "--to", "goal", "--not-via", "nobody"], 3, "matches nobody"),
        (["--from", "(", "--to", "goal"], 2, "no regular expression"),
        (["--from", "main", "--to", "goal", "--kind", "odd"], 2, "Kinds are call, direct"),
        (["--from", "main", "--to", "goal", "-o", "x.png"], 2, ".svg"),
        (["--from", "main", "--to", "goal", "--limit", "1", "--all"], 2, "not allowed with"),
        (["--from", "main"], 2, "--to"),
    ],
)
def test_the_exit_status_tells_no_path_from_no_such_function(arguments, status, words, graph_file, capsys):
    assert main(["paths", graph_file, *arguments]) == status
    written = capsys.readouterr()
    assert words in written.err
    assert not written.out


def test_what_is_read_is_not_written_over(graph_file, capsys):
    before = Path(graph_file).read_text()
    assert main(["paths", graph_file, "--from", "main", "--to", "goal", "-o", graph_file]) == 2
    assert Path(graph_file).read_text() == before


def test_a_name_cannot_act_on_a_terminal_nor_break_a_line():
    base = recording("main > goal")
    odd = replace(base.stops[0].frames[0], function=Function("go\n\x1b[31mal", "main"))
    graph = merge([replace(base, stops=(replace(base.stops[0], frames=(odd, base.stops[0].frames[1])),))])
    asked = query(goal="go(.|\n)*al")
    paths = list(Finder(graph, asked).all())
    text = "\n".join(paths_text(Found(graph, asked, paths)))
    assert "\x1b" not in text
    assert len(list(path_lines(paths[0], graph))) == 2
    assert "go\\n\\x1b[31mal" in text
