"""gdb's text as people paste it: what terminals, mails and web pages do to it, and what gdb itself prints."""

from __future__ import annotations

import textwrap
from itertools import pairwise

import pytest

from analyzer.graph.merge import graph_of
from analyzer.model import Function, Kind
from tests.pasted import chains_in, imported, shown, unread

PLAIN = """\
#0  leaf (n=3) at hw/leaf.c:7
#1  0x0000000000401136 in middle (p=0x7ffe "x, y)") at hw/middle.c:12
#2  0x0000000000401150 in main (argc=1, argv=0x7ffe) at main.c:20
"""
CHAIN = "main -> middle -> leaf"
LONG = """\
Thread 3 (Thread 0x7ffff5dff6c0 (LWP 1070) "CPU 0/KVM"):
#0  0x00007ffff7df375f in g_usleep () from /lib/x86_64-linux-gnu/libglib-2.0.so.0
#1  0x00005555558a923b in worker (name=0x555555a0248a "cad", size=<optimized out>, kernel=0x0, \
errp=errp@entry=0x7fffffffda88) at ../../../sources/a426c892e5369058/hw/i386/pc_piix.c:105
#2  0x0000555555c1a5b5 in kvm_vcpu_thread_fn (arg=arg@entry=0x5555570b83f0) at ../accel/kvm/kvm-accel-ops.c:51

Thread 1 (Thread 0x7ffff7af29c0 (LWP 1066) "qemu-system-x86"):
#0  0x00005555558a7fed in leaf (cpu_model=0x555555a0200b "qemu64", icc_bridge=0x55555655b2c0) at hw/i386/pc.c:978
#1  0x000055555585e75e in main (argc=<optimized out>, argv=<optimized out>) at ../system/main.c:4317
"""


def lines(text):
    return text.splitlines()


def every(pattern):
    return "\n".join(pattern % line for line in lines(PLAIN))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PLAIN, id="as gdb prints it"),
        pytest.param(PLAIN.rstrip("\n"), id="the last line without its end"),
        pytest.param(PLAIN.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(PLAIN.replace(" ", "\xa0"), id="non-breaking spaces"),
        pytest.param(PLAIN.replace(" in ", "\u2003in\u2009"), id="other spaces of Unicode"),
        pytest.param(PLAIN.replace("  ", "\t"), id="tabs"),
        pytest.param("\ufeff" + PLAIN, id="byte order mark"),
        pytest.param(PLAIN.replace("middle", "mid\u200bdle"), id="zero width"),
        pytest.param(PLAIN.replace("leaf", "\x1b[33mleaf\x1b[m"), id="colours"),
        pytest.param("\x1b]0;a title\x07" + PLAIN, id="a terminal's title"),
        pytest.param("\n".join(f"  {n}. {x}  " for n, x in enumerate(lines(PLAIN), 1)), id="a numbered list"),
        pytest.param(every("> %s"), id="quoted in a mail"),
        pytest.param(every(">> > %s"), id="quoted twice"),
        pytest.param(every("    %s"), id="indented"),
        pytest.param(every("* %s"), id="a list"),
        pytest.param(every("%s\n"), id="an empty line between"),
        pytest.param("(gdb) bt\n" + PLAIN + "(gdb) ", id="the command before"),
        pytest.param("(gdb) " + PLAIN, id="the prompt before"),
        pytest.param(every("2026-01-01T00:00:00.1234567Z %s"), id="a CI service's log"),
        pytest.param(every("2026-01-01T00:00:00.123456Z 01O %s"), id="another's"),
        pytest.param(every("2026-01-01 00:00:00.123+0000: %s"), id="a program's log"),
        pytest.param(every("Jan  1 00:00:00 host qemu-kvm[123]: %s"), id="the system's log"),
        pytest.param(every("[   12.345678] %s"), id="since the start"),
        pytest.param("```\n" + PLAIN + "```\n", id="fenced"),
        pytest.param(
            PLAIN.replace("#2", "--Type <RET> for more, q to quit, c to continue without paging--#2"), id="pager"
        ),
        pytest.param(PLAIN.replace(" at ", "\n    at "), id="gdb's own line breaks"),
        pytest.param(PLAIN.replace(" (", "\n    ("), id="broken before the arguments"),
        pytest.param(PLAIN.replace(", ", ",\n    "), id="broken between arguments"),
    ],
)
def test_the_same_stack_is_read_however_it_was_pasted(text):
    recording = imported(text)
    assert chains_in(text) == [CHAIN]
    assert recording.notes == ()
    assert [(f.file, f.line) for f in recording.stops[0].frames] == [
        ("hw/leaf.c", 7),
        ("hw/middle.c", 12),
        ("main.c", 20),
    ]
    assert recording.stops[0].frames[1].arguments[0][0] == "p"
    assert recording.stops[0].frames[1].pc == 0x401136


@pytest.mark.parametrize("width", range(20, 90))
def test_a_terminal_may_break_lines_at_any_column(width):
    text = "\n".join(part for line in lines(PLAIN) for part in _cut(line, width))
    assert shown(imported(text)) == shown(imported(PLAIN))


def _cut(line, width):
    return [line[start : start + width] for start in range(0, len(line), width)] or [""]


def _wrapped(line, width):
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]


@pytest.mark.parametrize(
    ("broken", "written"),
    [
        pytest.param(_cut, "{}", id="a terminal"),
        pytest.param(_cut, "{:<{}}", id="a screen"),
        pytest.param(_wrapped, "{}", id="a mail"),
        pytest.param(_wrapped, "> {}", id="an answer"),
        pytest.param(_wrapped, "{}\r", id="Windows"),
    ],
)
def test_threads_and_places_survive_lines_that_were_broken(broken, written):
    for width in range(40, 100):
        text = "\n".join(written.format(part, width) for line in lines(LONG) for part in broken(line, width))
        recording = imported(text)
        assert (shown(recording), recording.notes) == (shown(imported(LONG)), ()), width


def test_a_numbered_list_of_threads_keeps_them_apart():
    text = "\n".join(f"{n}. {line}" for n, line in enumerate(lines(LONG), 1))
    assert shown(imported(text)) == shown(imported(LONG))
    assert imported(text).notes == ()


@pytest.mark.parametrize("sign", ["::", "&", "*"])
def test_a_name_of_cpp_may_be_broken_before_a_sign(sign):
    name = "f<(anonymous namespace)::A, int&, char const*>::at"
    text = PLAIN.replace("middle (", f"{name.replace(sign, chr(10) + sign, 1)} (")
    assert imported(text).stops[0].frames[1].name == name


def test_a_name_that_was_broken_before_its_bracket_is_not_quoted():
    name = "std::map<int, std::less<int> >::at"
    text = PLAIN.replace("middle (", f"{name[:28]}\n{name[28:]} (")
    assert imported(text).stops[0].frames[1].name == name
    assert imported("\n".join(f"> {line}" for line in lines(text))).stops[0].frames[1].name == name


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
    assert (innermost.name, innermost.arguments) == (name, arguments)
    assert read.notes == ()
    assert read.stops[0].frames[1].call is Kind.CALL


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
    assert chains_in(text) == ["qemu_cond_wait -> __futex_abstimed_wait"]
    frames = imported(text).stops[0].frames
    assert [frame.function.where for frame in frames] == ["[libc]", "qemu-thread-posix", "[libc]", "[libc]"]
    assert frames[1].file == "util/qemu-thread-posix.c"


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
            "#2  0x1 in b () at a.c:3\n#3  0x2 in c () at a.c:3\n", "c -> b", id="the inner end is missing"
        ),
        pytest.param("#0  0x0 in ?? ()\n#1  0x1 in b () at a.c:3\n", "b", id="a jump to nowhere"),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x1 in b () at a.c:3\n#2  0x1 in ?? ()\n", "b -> a", id="unknown outside"
        ),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x1 in b () at a.c:3\n(More stack frames follow...)\n", "b -> a", id="cut"
        ),
        pytest.param("#0  0x1 in ?? ()\n#1  0x2 in ?? ()\n", "", id="nothing is known"),
        pytest.param(
            "#0  a () at a.c:1\n#1  0x2 in start_thread () from /lib/libc.so.6\n#2  0x3 in ?? ()\n",
            "a",
            id="outside of a library",
        ),
        pytest.param(
            "#0  0x1 in a () at a.c:1\nbad luck\n#1  b () at a.c:2\n#2  0x3 in c () at a.c:3\n",
            "c -> b ?> a",
            id="unreadable before a caller without address",
        ),
        pytest.param("#0  0x0 in a ()\n#1  0x0 in b ()\n", "b -> a", id="addresses that somebody blotted out"),
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
        ("b", "a", Kind.UNKNOWN),
        ("d", "c", Kind.UNKNOWN),
    ]
    assert "??" in shown(imported(text))


def test_that_a_stack_was_cut_is_said():
    recording = imported(PLAIN + "Backtrace stopped: previous frame inner to this frame (corrupt stack?)\n")
    assert "stops before the outermost frame" in recording.notes[0]


def test_signal_frames_are_kept():
    text = """\
        #0  leaf (n=1) at s.c:5
        #1  0x0000000000000010 in handler (n=10) at s.c:6
        #2  <signal handler called>
        #3  0x0000000000000020 in raise () from /lib/libc.so.6
        #4  0x0000000000000030 in main () at s.c:12
        """
    assert chains_in(text) == ["main -> raise !> <signal handler called> !> handler -> leaf"]


def test_a_caller_without_address_has_the_inner_function_inlined():
    text = """\
        #0  leaf (n=1) at s.c:5
        #1  middle (n=1) at s.c:9
        #2  0x0000000000000020 in outer (n=1) at s.c:15
        #3  main () at s.c:20
        """
    assert chains_in(text) == ["main +> outer -> middle +> leaf"]


def test_what_stands_in_unknown_code_is_not_inlined_into_what_is_known():
    text = "#0  0x1 in a () at a.c:1\nbad luck\n#1  b () at a.c:2\n#2  0x3 in c () at a.c:3\n"
    assert [frame.kind for frame in imported(text).stops[0].frames] == ["normal"] * 3


def test_where_gdb_printed_no_addresses_at_all_they_tell_nothing():
    assert chains_in("#0  a () at s.c:1\n#1  b () at s.c:2\n#2  main () at s.c:3\n") == ["main -> b -> a"]


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
    assert (chains_in(text), recording.notes) == (["main -> leaf"], ())


def test_a_local_that_the_terminal_broke_is_no_hole():
    long = "        message = " + '"' + "x" * 60 + '", '
    text = f"#0  leaf (n=3) at leaf.c:7\n{long}\nand_so_on\n#1  0x01 in main () at main.c:12\n"
    assert chains_in(text) == ["main -> leaf"]


THREADS = """\
[New Thread 0x7ffff6 (LWP 101)]

Thread 3 (Thread 0x7ffff5 (LWP 102) "CPU 0/KVM"):
#0  0x01 in ioctl () from /lib/libc.so.6
#1  0x02 in kvm_vcpu_ioctl (cpu=0x1) at accel/kvm/kvm-all.c:10
#2  0x03 in start_thread () from /lib/libc.so.6
#3  0x04 in clone () from /lib/libc.so.6

Thread 2 (Thread 0x7ffff6 (LWP 101)):
#0  0x01 in poll () from /lib/libc.so.6
#1  0x02 in worker (p=0x0) at util/worker.c:3
#2  0x03 in start_thread () from /lib/libc.so.6

Thread 1 (Thread 0x7ffff7 (LWP 100) "qemu-system-x86"):
#0  0x01 in ppoll () from /lib/libc.so.6
#1  0x02 in main_loop (x=0x0) at util/main-loop.c:3
#2  0x03 in main () at vl.c:7
"""


def test_threads_keep_their_numbers_and_names():
    recording = imported(THREADS)
    assert {(t.number, t.label, t.tid) for t in recording.threads} == {
        (1, "main thread", 100),
        (2, "thread 2", 101),
        (3, "CPU 0/KVM", 102),
    }
    assert chains_in(THREADS) == [
        "kvm_vcpu_ioctl -> ioctl",
        "worker -> poll",
        "main -> main_loop -> ppoll",
    ]
    assert recording.notes == ()


@pytest.mark.parametrize(
    ("heading", "label"),
    [
        ("Thread 3 (LWP 102):", "thread 3"),
        ("Thread 3 (Thread 0x7f (LWP 102)):", "thread 3"),
        ('Thread 1.3 (Thread 0x7f (LWP 102) "a b (c)"):', "a b (c)"),
        ("[Switching to thread 3 (Thread 0x7f (LWP 102))]", "thread 3"),
        ("[Current thread is 3 (Thread 0x7f (LWP 102))]", "thread 3"),
        ('Thread 3 "CPU 0/KVM" hit Breakpoint 1, f () at a.c:1', "CPU 0/KVM"),
    ],
)
def test_headings_of_threads_of_all_forms(heading, label):
    recording = imported(f"{heading}\n#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n")
    assert [(thread.number, thread.label) for thread in recording.threads] == [(3, label)]
    assert recording.notes == ()


@pytest.mark.parametrize(
    "stop",
    [
        'Thread 3 "CPU 0/KVM" hit Breakpoint 1, f (a=1) at a.c:7\n7\t{',
        "Breakpoint 1, f (a=1) at a.c:7\n7\t{",
        'Thread 3 "x" received signal SIGABRT, Aborted.\n[Switching to Thread 0x7f (LWP 12)]\n'
        "0x0000000000000001 in f (a=1) at ./a.c:7\n7\t./a.c: No such file or directory.",
    ],
)
def test_where_gdb_says_it_stopped_is_no_stack_and_not_unread(stop):
    recording = imported(f"{stop}\n(gdb) bt\n#0  f (a=1) at a.c:7\n#1  0x2 in g () at a.c:2\n")
    assert len(recording.stops) == 1
    assert recording.notes == ()


def test_what_is_asked_for_after_all_threads_were_listed_is_of_the_thread_that_gdb_is_in():
    frames = "#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n"
    stop = 'Thread 3 "x" hit Breakpoint 1, f () at a.c:1\n'
    listed = "Thread 3 (LWP 12):\n" + frames + "\nThread 2 (LWP 11):\n" + frames
    text = f"{stop}(gdb) thread apply all bt\n{listed}(gdb) bt full\n{frames}"
    assert [one.thread for one in imported(text).stops] == [3, 2, 3]
    text = f"(gdb) thread apply all bt\n{listed}(gdb) bt\n{frames}"
    assert [imported(text).thread(one.thread).label for one in imported(text).stops] == [
        "thread 3",
        "thread 2",
        "unknown thread",
    ]


def test_a_stack_that_begins_with_main_is_the_main_threads_and_others_are_nobodys():
    assert [t.label for t in imported(PLAIN).threads] == ["main thread"]
    assert [t.label for t in imported("#0  a () at a.c:1\n#1  0x1 in b () at a.c:2\n").threads] == [
        "unknown thread"
    ]


def test_the_first_thread_of_a_core_file_need_not_be_the_main_one():
    text = (
        "Thread 1 (LWP 7):\n#0  a () at a.c:1\n#1  0x1 in worker () at a.c:2\n"
        "Thread 2 (LWP 6):\n#0  b () at a.c:1\n#1  0x1 in main () at a.c:2\n"
    )
    recording = imported(text)
    assert [recording.thread(stop.thread).label for stop in recording.stops] == ["thread 3", "main thread"]


def test_several_backtraces_in_one_text_are_several_stacks():
    assert chains_in(PLAIN + PLAIN) == [CHAIN, CHAIN]
    assert chains_in(PLAIN + "\nand then\n\n" + PLAIN.rstrip()) == [CHAIN, CHAIN]


def test_stacks_that_differ_in_values_only_are_one_chain():
    other = PLAIN.replace("0x7ffe", "0x1234").replace("401136", "555555")
    graph = graph_of(imported(PLAIN + other))
    assert len(graph.nodes) == 3
    assert len(graph.chains) == 1
    assert [call.hits for call in graph.calls] == [2, 2]


def test_lines_that_were_cut_at_the_right_edge_keep_their_names():
    text = "\n".join(line[:45] for line in lines(PLAIN))
    assert chains_in(text) == [CHAIN]


def test_a_name_that_was_cut_is_no_name():
    assert chains_in(PLAIN[: PLAIN.index("main") + 2]) == ["middle -> leaf"]


def test_stacks_of_one_frame_are_stacks():
    assert chains_in("#0  a () at a.c:1\n#0  b () at b.c:1\n") == ["a", "b"]


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


def test_a_thread_whose_heading_was_cut_has_its_number_and_no_other_threads_name():
    frames = "#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n"
    recording = imported(f'Thread 3 (Thread 0x7f\n{frames}12 (LWP 12) "x"):\n{frames}')
    assert [thread.label for thread in recording.threads] == ["thread 3"]


def test_when_the_program_goes_on_the_next_stop_may_be_another_threads():
    stop = "{}#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n(gdb) c\nContinuing.\n"
    recording = imported(stop.format('Thread 3 "x" hit Breakpoint 1, f () at a.c:1\n') + stop.format("(gdb) bt\n"))
    assert [recording.thread(one.thread).label for one in recording.stops] == ["x", "unknown thread"]


def test_a_name_that_was_broken_before_its_arguments_is_whole():
    text = PLAIN.replace("middle (", "A::operator()\n(")
    assert imported(text).stops[0].frames[1].name == "A::operator()"


def test_a_request_is_no_milestone_of_a_scenario_when_nobody_says_which():
    assert [m.title for m in imported(PLAIN.replace("leaf", "ioctl")).milestones] == ["In ioctl"]


CREATED = """\
== A thread is created, starting in work (main thread, 0.001 s)
#0  pthread_create () from /lib/libc.so.6
#1  0x0000000000000020 in main () at m.c:2

== A thread is created, starting in work (main thread, 0.002 s)
#0  pthread_create () from /lib/libc.so.6
#1  0x0000000000000020 in main () at m.c:2

"""
AT_WORK = """\
== In {1} ({0}, 0.003 s)
#0  {1} () at w.c:1
#1  0x0000000000000030 in work () at w.c:2
-- {0} was created by:
#0  pthread_create () from /lib/libc.so.6
#1  0x0000000000000020 in main () at m.c:2
"""


def test_each_thread_has_one_creator_however_often_it_is_told():
    text = CREATED + "\n".join(
        AT_WORK.format(thread, name) for thread, name in [("one", "f"), ("one", "g"), ("two", "f")]
    )
    recording = imported(text)
    assert len(recording.stops) == 5
    assert [thread.created_by for thread in recording.threads] == [None, 0, 1]
    assert shown(recording) == text
    alone = imported(AT_WORK.format("one", "f") + "\n" + AT_WORK.format("one", "g"))
    assert [stop.reason for stop in alone.stops] == ["thread-create", "milestone", "milestone"]


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
    assert [(m.name, m.title, m.target) for m in at_vcpu] == [
        ("init-vcpu", "A virtual processor comes to life", True)
    ]
    assert [(m.name, m.title, m.target) for m in imported(PLAIN).milestones] == [("at leaf", "In leaf", True)]


def test_no_edge_joins_what_was_not_adjacent():
    graph = graph_of(imported(THREADS + PLAIN))
    adjacent = {(b.name, a.name) for stop in imported(THREADS + PLAIN).stops for a, b in pairwise(stop.frames)}
    assert {(c.caller.name, c.callee.name) for c in graph.calls} <= adjacent
