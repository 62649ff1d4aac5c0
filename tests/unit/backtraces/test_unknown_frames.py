"""What a backtrace lacks becomes an unknown edge, and what cannot be read is told: nothing is guessed."""

from __future__ import annotations

import pytest

from analyzer.graph.merge import graph_of
from gdbscripts.call_kinds import CallKind
from tests.support.pasted import CHAIN, PLAIN, chains_in, imported, shown, unread


@pytest.mark.parametrize(
    ("text", "chain"),
    [
        pytest.param("#0  a () at a.c:1\n#2  0x1 in c () at a.c:3\n", "c ?> a", id="a level is missing"),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x5 in ?? ()\n#2  0x1 in c () at a.c:3\n", "c ?> a", id="nobody knows"
        ),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x5 in ?? () from x.so\n#2  0x1 in c () at a.c:3\n", "c ?> a", id="nor here"
        ),
        pytest.param("#0  a () at a.c:1\nbad luck\n#1  0x1 in c () at a.c:3\n", "c ?> a", id="unreadable between"),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x1 in b c d\n#2  0x1 in c () at a.c:3\n", "c ?> a", id="unreadable frame"
        ),
        pytest.param(
            "#2  0x1 in b () at a.c:3\n#3  0x2 in c () at a.c:3\n", "c .> b", id="the inner end is missing"
        ),
        pytest.param("#0  0x0 in ?? ()\n#1  0x1 in b () at a.c:3\n", "b", id="a jump to nowhere"),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x1 in b () at a.c:3\n#2  0x1 in ?? ()\n", "b .> a", id="unknown outside"
        ),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x1 in b () at a.c:3\n(More stack frames follow...)\n", "b .> a", id="cut"
        ),
        pytest.param("#0  0x1 in ?? ()\n#1  0x2 in ?? ()\n", "", id="nothing is known"),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x2 in start_thread () from /lib/libc.so.6\n#2  0x3 in ?? ()\n",
            "a",
            id="outside of a library",
        ),
        pytest.param(
            "#0  0x1 in a () at a.c:1\nbad luck\n#1  b () at a.c:2\n#2  0x3 in c () at a.c:3\n",
            "c .> b ?> a",
            id="unreadable before a caller without address",
        ),
        pytest.param("#0  0x0 in a ()\n#1  0x0 in b ()\n", "b .> a", id="addresses that somebody blotted out"),
        pytest.param(
            "#0  a () at a.c:1\n#1  <function called from gdb>\n#2  0x1 in c () at a.c:3\n",
            "c ?> <function called from gdb> ?> a",
            id="called by hand",
        ),
    ],
)
def test_a_hole_becomes_an_unknown_edge(text, chain):
    assert chains_in(text) == [chain]


def test_holes_join_no_unrelated_stacks():
    text = (
        "#0  a () at x.c:1\n#1  0x1 in ?? ()\n#2  0x1 in b () at x.c:2\n\n"
        "#0  c () at x.c:1\n#1  0x1 in ?? ()\n#2  0x1 in d () at x.c:2\n"
    )
    graph = graph_of(imported(text))
    assert [(c.caller.name, c.callee.name, c.kind) for c in graph.calls] == [
        ("b", "a", CallKind.UNKNOWN),
        ("d", "c", CallKind.UNKNOWN),
    ]
    assert "??" in shown(imported(text))


def test_what_stands_in_unknown_code_is_not_inlined_into_what_is_known():
    text = "#0  0x1 in a () at a.c:1\nbad luck\n#1  b () at a.c:2\n#2  0x3 in c () at a.c:3\n"
    assert [frame.kind for frame in imported(text).stops[0].frames] == ["normal"] * 3


def test_that_a_stack_was_cut_is_said():
    recording = imported(PLAIN + "Backtrace stopped: previous frame inner to this frame (corrupt stack?)\n")
    assert "ends before the outermost frame" in recording.notes[0]


@pytest.mark.parametrize(
    "line",
    [
        "        a = {b = {c\n#1  0x2 in main () at m.c:1\nsome words",
        "#1  0x2 in poll () from /lib/libc.so.6\nlibother.so",
    ],
)
def test_what_only_seems_to_go_on_is_unread(line):
    assert len(unread(imported(f"#0  leaf (n=3) at leaf.c:7\n{line}\n{PLAIN}"))) == 1


def test_a_line_that_begins_with_another_number_is_no_source_of_the_stop():
    assert len(unread(imported(f"Breakpoint 1, f () at a.c:7\n8 people liked this\n{PLAIN}"))) == 1


def test_what_could_not_be_read_is_counted_and_shown_with_its_line():
    text = "".join(f"some words {n}\n" for n in range(8)) + PLAIN
    (note,) = unread(imported(text))
    assert note.startswith("8 lines could not be read: line 1: some words 0; line 2:")
    assert note.endswith("line 5: some words 4; 3 more.")


@pytest.mark.parametrize(
    "line",
    [
        "#1 fixed the bug (see below)",
        "#12 is mine",
        "#7 (a=1)",
        "#3 foo (bar) baz",
        "#4 0x12 in f (int) at b.c:7",
        "#4 0x12 in f (int, x=1) b.c:7",
    ],
)
def test_prose_that_looks_like_a_frame_is_none(line):
    recording = imported(f"{PLAIN}\n{line}\n")
    assert len(unread(recording)) == 1
    assert chains_in(f"{PLAIN}\n{line}\n") == [CHAIN]


def test_what_gdb_asks_and_lists_in_every_session_is_not_unread():
    session = """\
        (gdb) info threads
          Id   Target Id                                   Frame 
        * 1    Thread 0x7ffff7a294c0 (LWP 14162) "qemu"    0x01 in poll () from /lib/libc.so.6
          2    Thread 0x7ffff5dff6c0 (LWP 14166) "CPU 0/KVM" f (cpu=0x1) at a.c:3
        (gdb) bt
        #0  f () at a.c:1
        #1  0x02 in main () at m.c:2
        (gdb) kill
        Kill the program being debugged? (y or n) y
        [Inferior 1 (process 14162) killed]
        (gdb) q
        A debugging session is active.

        \tInferior 1 [process 14162] will be killed.

        Quit anyway? (y or n) [answered Y; input not from terminal]
        """  # noqa: W291
    recording = imported(session)
    assert (recording.notes, chains_in(session)) == ((), ["main .> f"])
