"""Stacks as gdb prints them: names, arguments, files, inlined frames, several of them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from analyzer.graph.merge import graph_of
from analyzer.model.frames import Function
from gdbscripts.call_kinds import CallKind
from tests.support.pasted import CHAIN, PLAIN, THREADS, chains_in, imported


@pytest.mark.parametrize(
    ("frame", "name", "arguments"),
    [
        ("foo () at a.c:1", "foo", ()),
        ("(anonymous namespace)::foo (x=1) at a.cc:1", "(anonymous namespace)::foo", (("x", "1"),)),
        (
            "std::map<int, foo>::operator() (this=0x1) at a.cc:1",
            "std::map<int, foo>::operator()",
            (("this", "0x1"),),
        ),
        ("A::operator() (this=0x1, a=2) at a.cc:1", "A::operator()", (("this", "0x1"), ("a", "2"))),
        ("operator<< (o=..., n=1) at a.cc:1", "operator<<", (("o", "..."), ("n", "1"))),
        ("A::operator-> (this=0x1) at a.cc:1", "A::operator->", (("this", "0x1"),)),
        (
            "std::function<void (int)>::operator()(int) const () from /usr/lib/libstdc++.so.6",
            "std::function<void (int)>::operator()(int) const",
            (),
        ),
        ("foo::bar(int, char const*) () from libfoo.so.1", "foo::bar(int, char const*)", ()),
        ("{lambda(int)#1}::operator() (n=1) at a.cc:2", "{lambda(int)#1}::operator()", (("n", "1"),)),
        ("foo (a=0x1 <bar(int)>, b=2) at a.c:1", "foo", (("a", "0x1 <bar(int)>"), ("b", "2"))),
        ('foo (s=0x1 "a, b=(\\"", c=40 \'(\') at a.c:1', "foo", (("s", '0x1 "a, b=(\\""'), ("c", "40 '('"))),
        (
            "foo (a=a@entry=0x1, b=<optimized out>) at a.c:1",
            "foo",
            (("a", "a@entry=0x1"), ("b", "<optimized out>")),
        ),
        ("foo (a={x = 1, y = {2, 3}}, b=2) at a.c:1", "foo", (("a", "{x = 1, y = {2, 3}}"), ("b", "2"))),
        ("foo (a=1, ...) at a.c:1", "foo", (("a", "1"),)),
        ("foo (...) at a.c:1", "foo", ()),
        ("foo (a='\\000' <repeats 15 times>) at a.c:1", "foo", (("a", "'\\000' <repeats 15 times>"),)),
        ("foo.constprop.0 (a=1) at /tmp/my code/a.c:1", "foo.constprop.0", (("a", "1"),)),
        ("foo (a=1) at C:\\src\\a.c:1", "foo", (("a", "1"),)),
        ("poll () from /lib/x86_64-linux-gnu/libc.so.6", "poll", ()),
        ("A::operator== (this=0x1) at a.cc:1", "A::operator==", (("this", "0x1"),)),
        ("operator new (n=5) at a.cc:1", "operator new", (("n", "5"),)),
        ("A::f() const (__args#1=2, a#2=3) at a.cc:1", "A::f() const", (("__args#1", "2"), ("a#2", "3"))),
    ],
)
def test_names_and_arguments_of_all_shapes(frame, name, arguments):
    read = imported(f"#0  0x0000000000000010 in {frame}\n#1  0x0000000000000020 in main () at m.c:2\n")
    innermost = read.stops[0].frames[0]
    assert (innermost.name, read.stops[0].arguments_of(0)) == (name, arguments)
    assert read.notes == ()
    assert read.stops[0].frames[1].call is CallKind.CALL


def test_of_a_library_the_path_is_kept_and_it_is_no_file():
    frame = imported("#0  0x01 in poll () from /lib/libc.so.6\n#1  0x02 in main () at m.c:1\n").stops[0].frames[0]
    assert (frame.library, frame.file, frame.function) == ("/lib/libc.so.6", "", Function("poll", "[libc]"))


def test_glibcs_own_files_belong_to_the_library_as_its_path_would():
    text = """\
        #0  __futex_abstimed_wait (cond=0x1) at ./nptl/futex-internal.c:57
        #1  0x10 in qemu_cond_wait (c=0x1) at ../util/qemu-thread-posix.c:10
        #2  0x20 in start_thread (arg=0x1) at ./nptl/pthread_create.c:442
        #3  0x30 in clone3 () at ../sysdeps/unix/sysv/linux/x86_64/clone3.S:81
        """
    assert chains_in(text) == ["qemu_cond_wait .> __futex_abstimed_wait"]
    frames = imported(text).stops[0].frames
    assert [frame.function.where for frame in frames] == ["[libc]", "qemu-thread-posix", "[libc]", "[libc]"]
    assert frames[1].file == "util/qemu-thread-posix.c"


def test_a_function_with_lines_in_a_header_and_in_one_other_file_is_one_function():
    text = """\
        #0  kvm_init (ms=0x1) at ../include/hw/boards.h:40
        #1  0x20 in main () at ../system/main.c:3

        #0  0x10 in kvm_init (ms=0x1) at ../accel/kvm/kvm-all.c:2600
        #1  0x20 in main () at ../system/main.c:3
        """
    frames = [stop.frames[0] for stop in imported(text).stops]
    assert [frame.file for frame in frames] == ["include/hw/boards.h", "accel/kvm/kvm-all.c"]
    assert {(frame.function.where, frame.defined_in) for frame in frames} == {("kvm-all", "accel/kvm/kvm-all.c")}


def test_two_functions_of_one_name_in_two_files_stay_two():
    text = "#0  work () at a.c:1\n#1  0x1 in work () at b.c:2\n#2  0x2 in main () at inline.h:3\n"
    assert [frame.function.where for frame in imported(text).stops[0].frames] == ["a", "b", "inline"]


def test_signal_frames_are_kept():
    text = """\
        #0  leaf (n=1) at s.c:5
        #1  0x0000000000000010 in handler (n=10) at s.c:6
        #2  <signal handler called>
        #3  0x0000000000000020 in raise () from /lib/libc.so.6
        #4  0x0000000000000030 in main () at s.c:12
        """
    assert chains_in(text) == ["main .> raise s> <signal handler called> s> handler .> leaf"]


def test_a_caller_without_address_has_the_inner_function_inlined():
    text = """\
        #0  leaf (n=1) at s.c:5
        #1  middle (n=1) at s.c:9
        #2  0x0000000000000020 in outer (n=1) at s.c:15
        #3  main () at s.c:20
        """
    assert chains_in(text) == ["main i> outer .> middle i> leaf"]


def test_where_gdb_printed_no_addresses_at_all_they_tell_nothing():
    assert chains_in("#0  a () at s.c:1\n#1  b () at s.c:2\n#2  main () at s.c:3\n") == ["main .> b .> a"]


def test_locals_between_frames_are_neither_frames_nor_unread():
    text = """\
        #0  leaf (n=3) at leaf.c:7
                local = 4
                text = "#5  not (a=frame) at x.c:1"
                entry = {name = 0x1 "x", next = {
                    deep = 1
                  }, last = 0x0}
                __PRETTY_FUNCTION__ = "leaf"
        No locals.
        #1  0x0000000000401136 in main (argc=1) at main.c:12
        No symbol table info available.
        """
    recording = imported(text)
    assert (chains_in(text), recording.notes) == (["main .> leaf"], ())


def test_several_backtraces_in_one_text_are_several_stacks():
    assert chains_in(PLAIN + PLAIN) == [CHAIN, CHAIN]
    assert chains_in(PLAIN + "\nand then\n\n" + PLAIN.rstrip()) == [CHAIN, CHAIN]


def test_stacks_that_differ_in_values_only_are_one_chain():
    other = PLAIN.replace("0x7ffe", "0x1234").replace("401136", "555555")
    graph = graph_of(imported(PLAIN + other))
    assert len(graph.nodes) == 3
    assert len(graph.chains) == 1
    assert [call.hits for call in graph.calls] == [2, 2]


def test_stacks_of_one_frame_are_stacks():
    assert chains_in("#0  a () at a.c:1\n#0  b () at b.c:1\n") == ["a", "b"]


def test_a_request_is_no_milestone_of_a_scenario_when_nobody_says_which():
    assert [m.title for m in imported(PLAIN.replace("leaf", "ioctl")).milestones] == ["In ioctl"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("/home/a/qemu/hw/x.c", "/home/a/qemu/vl.c"), ("hw/x.c", "vl.c")),
        (("/home/a/qemu/hw/i386/pc.c", "hw/core/qdev.c"), ("hw/i386/pc.c", "hw/core/qdev.c")),
        (("/home/hw/qemu/hw/i386/pc.c", "hw/core/qdev.c"), ("hw/i386/pc.c", "hw/core/qdev.c")),
        (("../hw/x.c", "../vl.c"), ("hw/x.c", "vl.c")),
        (
            ("/usr/include/bits/x.h", "/home/a/qemu/vl.c", "/home/a/qemu/hw/a.c"),
            ("/usr/include/bits/x.h", "vl.c", "hw/a.c"),
        ),
        (("x.c", "y/z.c"), ("x.c", "y/z.c")),
        (("/a/qemu/vl.c", "/a/qemu/hw/x.c", "/a/qemu-old/z.c"), ("vl.c", "hw/x.c", "/a/qemu-old/z.c")),
        (("/opt/glib/g.c", "/home/a/vl.c", "/home/a/hw/x.c"), ("/opt/glib/g.c", "vl.c", "hw/x.c")),
    ],
)
def test_files_become_relative_to_the_source_tree(files, expected):
    text = "\n".join(f"#{level}  0x{level + 1} in f{level} () at {file}:1" for level, file in enumerate(files))
    assert tuple(frame.file for frame in imported(text).stops[0].frames) == expected


def test_a_known_milestone_is_recognised_and_any_other_function_is_one():
    at_vcpu = imported(PLAIN.replace("leaf", "qemu_init_vcpu")).milestones
    assert [(m.name, m.title, m.target) for m in at_vcpu] == [("init-vcpu", "QEMU creates a vCPU", True)]
    assert [(m.name, m.title, m.target) for m in imported(PLAIN).milestones] == [("at leaf", "In leaf", True)]


def test_no_edge_joins_what_was_not_adjacent():
    graph = graph_of(imported(THREADS + PLAIN))
    adjacent = {(b.name, a.name) for stop in imported(THREADS + PLAIN).stops for a, b in pairwise(stop.frames)}
    assert {(c.caller.name, c.callee.name) for c in graph.calls} <= adjacent


@pytest.mark.parametrize("number", ["99999999999", "9" * 5000])
def test_of_a_line_number_that_is_none_the_file_is_kept(number):
    recording = imported(f"#0  f () at hw/a.c:{number}\n#1  0x02 in main () at m.c:2\n")
    innermost = recording.stops[0].frames[0]
    assert (innermost.file, innermost.line, recording.notes) == ("hw/a.c", 0, ())
