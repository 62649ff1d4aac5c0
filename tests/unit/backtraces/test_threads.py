"""Which thread a pasted stack is of."""

from __future__ import annotations

import pytest

from tests.support.pasted import PLAIN, THREADS, chains_in, imported, shown


def test_threads_keep_their_numbers_and_names():
    recording = imported(THREADS)
    assert {(t.number, t.label, t.tid) for t in recording.threads} == {
        (1, "main thread", 100),
        (2, "thread 2", 101),
        (3, "CPU 0/KVM", 102),
    }
    assert chains_in(THREADS) == [
        "kvm_vcpu_ioctl .> ioctl",
        "worker .> poll",
        "main .> main_loop .> ppoll",
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


def test_when_the_program_goes_on_the_next_stop_may_be_another_threads():
    stop = "{}#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n(gdb) c\nContinuing.\n"
    recording = imported(stop.format('Thread 3 "x" hit Breakpoint 1, f () at a.c:1\n') + stop.format("(gdb) bt\n"))
    assert [recording.thread(one.thread).label for one in recording.stops] == ["x", "unknown thread"]


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


def test_a_thread_whose_heading_was_cut_has_its_number_and_no_other_threads_name():
    frames = "#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n"
    recording = imported(f'Thread 3 (Thread 0x7f\n{frames}12 (LWP 12) "x"):\n{frames}')
    assert [recording.thread(stop.thread).label for stop in recording.stops] == ["thread 3", "unknown thread"]


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


BOTH = "#0  f () at a.c:1\n#1  0x2 in g () at a.c:2\n"
AT_MAIN = "#0  p () at m.c:1\n#1  0x3 in main () at m.c:2\n"
LISTED = f'Thread 3 (Thread 0x7f (LWP 12) "x"):\n{BOTH}\nThread 1 (LWP 10):\n{AT_MAIN}'


@pytest.mark.parametrize(
    ("told", "labels"),
    [
        ('Thread 3 "x" hit Breakpoint 1, f () at a.c:1\n', ["x", "main thread", "x"]),
        ("[Switching to thread 3 (Thread 0x7f (LWP 12))]\n", ["x", "main thread", "x"]),
        ("", ["x", "main thread", "unknown thread"]),
    ],
)
def test_the_heading_of_a_listed_thread_holds_for_one_stack(told, labels):
    recording = imported(f"{told}{LISTED}{BOTH}")  # in a batch gdb's commands are not to be seen
    assert [recording.thread(stop.thread).label for stop in recording.stops] == labels


def test_the_first_thread_of_a_running_program_is_the_main_one_wherever_its_stack_ends():
    stop = 'Thread 1 "qemu" hit Breakpoint 1, f () at a.c:1\n'
    other = 'Thread 2 "x" received signal SIGINT, Interrupt.\n'
    recording = imported(f"{stop}{BOTH}(gdb) c\n{other}{BOTH}(gdb) c\n{stop}{BOTH}")
    assert [recording.thread(one.thread).label for one in recording.stops] == ["main thread", "x", "main thread"]


def test_one_stack_that_begins_with_main_tells_of_all_of_the_threads():
    whole = "#0  f () at a.c:1\n#1  0x2 in main () at a.c:2\n"
    for heading in ("Thread 1 (LWP 7):", "Thread 1 (Thread 0x7f):", "[Switching to thread 1 (Thread 0x7f)]"):
        recording = imported(f'Thread 1 (Thread 0x7f (LWP 7) "q"):\n{whole}\n{heading}\n{BOTH}')
        assert {recording.thread(stop.thread).label for stop in recording.stops} == {"main thread"}, heading


def test_another_program_may_have_another_first_thread():
    whole = "#0  f () at a.c:1\n#1  0x2 in main () at a.c:2\n"
    recording = imported(f"Thread 1 (LWP 7):\n{whole}\nThread 1 (LWP 8):\n{BOTH}")
    assert [recording.thread(stop.thread).label for stop in recording.stops] == ["main thread", "thread 2"]


@pytest.mark.parametrize("outermost", ["__libc_start_main () from /lib/libc.so.6", "_start ()"])
def test_a_main_that_jumped_on_and_left_no_frame_has_a_thread_all_the_same(outermost):
    text = f"Thread 1 (LWP 7):\n{BOTH}#2  0x3 in {outermost}\nThread 2 (LWP 8):\n{BOTH}#2  0x3 in clone3 ()\n"
    recording = imported(text)
    assert [recording.thread(stop.thread).label for stop in recording.stops] == ["main thread", "thread 2"]
