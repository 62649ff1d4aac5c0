"""MI output, perf script and folded stacks; and which of them a text is."""

from __future__ import annotations

import re

import pytest

from analyzer.backtraces.gdb_mi import parse_results
from analyzer.backtraces.importer import detect
from analyzer.errors import AnalyzerError, UsageError
from analyzer.graph.merge import graph_of
from analyzer.model.frames import Function
from tests.support.pasted import chains_in, imported, shown, unread

MI = (
    '^done,stack=[frame={level="0",addr="0x0000000000401126",func="leaf",args=[{name="s",'
    'value="0x40 \\"a, b\\""}],file="leaf.c",fullname="/home/a/src/hw/leaf.c",line="7",arch="i386:x86-64"},'
    'frame={level="1",addr="0x0000000000401126",func="middle",file="m.c",fullname="/home/a/src/m.c",line="9"},'
    'frame={level="2",addr="0x0000000000401150",func="poll",from="/lib/libc.so.6"},'
    'frame={level="3",addr="0x0000000000401160",func="main",fullname="/home/a/src/main.c",line="20"}]\n'
)
PERF = """\
# ========
# captured on: some day
qemu-system-x86 4242/4242 [003]  100.500000:     250000 cycles:u:
\tffffffff81 do_syscall_64+0x5b ([kernel.kallsyms])
\tffffffff82 entry_SYSCALL_64_after_hwframe+0x44 ([kernel.kallsyms])
\t7f0000000001 __poll+0x4f (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t55d0c0de0001 main_loop+0x12 (/usr/bin/qemu-system-x86_64)
\t55d0c0de0002 main+0x10 (/usr/bin/qemu-system-x86_64)

CPU 0/KVM 4242/4243 [001]  100.600000:     250000 cycles:u:
\t55d0c0de0003 std::map<int, foo>::at(int) const+0x8 (inlined)
\t55d0c0de0003 kvm_cpu_exec+0x18 (/usr/bin/qemu-system-x86_64)
\t55d0c0de0004 [unknown] (/usr/bin/qemu-system-x86_64)
\t55d0c0de0005 kvm_vcpu_thread_fn+0x18 (/usr/bin/qemu-system-x86_64)
\t7f0000000002 start_thread+0x4f (/usr/lib/x86_64-linux-gnu/libc.so.6)

qemu-system-x86 4242/4242 [003]  100.700000:     250000 cycles:u:
\tffffffff91 do_syscall_64+0x99 ([kernel.kallsyms])
\tffffffff92 entry_SYSCALL_64_after_hwframe+0x44 ([kernel.kallsyms])
\t7f0000000001 __poll+0x4f (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t55d0c0de0001 main_loop+0x12 (/usr/bin/qemu-system-x86_64)
\t55d0c0de0002 main+0x10 (/usr/bin/qemu-system-x86_64)"""
FOLDED = """\
qemu;main;main_loop;std::map<int, foo>::operator() (x) const 7
qemu;main;main_loop;inner_[i];[unknown];leaf 2
CPU 0/KVM;kvm_vcpu_thread_fn;ioctl;entry_SYSCALL_64_after_hwframe_[k];do_syscall_64_[k] 40
qemu;main;main_loop;std::map<int, foo>::operator() (x) const 3"""


def test_mi_frames_have_all_that_gdb_says():
    recording = imported(MI)
    frames = recording.stops[0].frames
    assert chains_in(MI) == ["main .> poll .> middle i> leaf"]
    assert (frames[0].file, frames[0].line, frames[0].pc) == ("hw/leaf.c", 7, 0x401126)
    assert recording.stops[0].arguments_of(0) == (("s", '0x40 "a, b"'),)
    assert frames[2].function == Function("poll", "[libc]")


def test_arguments_that_mi_gives_in_a_record_of_their_own_are_joined():
    text = (
        MI
        + '^done,stack-args=[frame={level="0",args=[{name="n",value="1"}]},frame={level="1",args=[]},'
        + ('frame={level="2",args=[]},frame={level="3",args=[]}]\n(gdb) \n')
    )
    recording = imported(text)
    assert recording.stops[0].arguments_of(0) == (("n", "1"),)
    assert recording.notes == ()


def test_arguments_of_other_frames_are_not_taken():
    frame = '{level="%d",args=[{name="n",value="%d"}]}'
    text = (
        MI.replace('level="3"', 'level="4"') + f"^done,stack-args=[{','.join(frame % (n, n) for n in range(5))}]\n"
    )
    assert imported(text).stops[0].arguments_of(-1) == ()


def test_the_thread_and_what_gdb_says_to_people_are_read_in_mi_too():
    text = (
        '*stopped,reason="breakpoint-hit",frame={addr="0x1",func="leaf"},thread-id="3"\n' + MI
        + '&"bt\\n"\n~"#0  f () at a.c:1\\n"\n~"#1  0x02 in main () at a.c:2\\n"\n^done\n(gdb) \n'
    )  # fmt: skip
    recording = imported(text)
    assert sorted(chains_in(text)) == ["main .> f", "main .> poll .> middle i> leaf"]
    listed = '~"\\nThread 2 (LWP 5):\\n"\n~"#0  f () at a.c:1\\n"\n^done\n~"#0  g () at a.c:1\\n"\n^done\n'
    assert [thread.label for thread in imported(listed).threads] == ["thread 2", "unknown thread"]
    assert {thread.number for thread in recording.threads} == {1}
    assert recording.notes == ()


def test_a_log_of_mi_needs_no_record_of_a_stack_and_may_break_what_gdb_says():
    text = (
        '~"\\nThread "\n~"2 \\"CPU 0/KVM\\" hit Breakpoint 1, f () at a.c:1\\n"\n~"1\\t{\\n"\n'
        '~"#0  f () at "\n~"a.c:1\\n#1  0x02 in g () at a.c:2"\n'
    )
    recording = imported(text)
    assert chains_in(text) == ["g .> f"]
    assert [thread.label for thread in recording.threads] == ["CPU 0/KVM"]
    assert recording.notes == ()


COREDUMP = """\
           PID: 1234 (qemu-system-x86)
                Stack trace of thread 1240:
                #0  0x00007f1a1b2c3d4e ioctl (libc.so.6 + 0x8a4e)
                #1  0x000055d0c0de0004 kvm_vcpu_ioctl (qemu-system-x86_64 + 0x42)
                #2  0x000055d0c0de0005 n/a (qemu-system-x86_64 + 0x52)
                #3  0x000055d0c0de0006 qemu_thread_start (qemu-system-x86_64 + 0x62)
                #4  0x00007f1a1b2c3d50 start_thread (libc.so.6 + 0x42)

                Stack trace of thread 1234:
                #0  0x00007f1a1b2c3d4e ppoll (libc.so.6 + 0x8a4e)
                #1  0x000055d0c0de0003 main (qemu-system-x86_64 + 0x32)
"""
ASAN = """\
READ of size 4 at 0x602000000010 thread T1 (worker)
    #0 0x55ff9fadf1e6 in inl /tmp/x/hw/leaf.c:3:7
    #1 0x55ff9fadf1e6 in A::at(unsigned long) const /tmp/x/hw/leaf.c:4
    #2 0x55ff9fadf1ef  (/tmp/x/prog+0x11ef)
    #3 0x55ff9fadf1f0 in work /tmp/x/vl.c:5
    #4 0x7f5b2b4a71f4 in start_thread (/lib/x86_64-linux-gnu/libc.so.6+0x1f4) (BuildId: 0a1b)

freed by thread T0 here:
    #0 0x7f5b2b6b76a8 in operator delete(void*) ../src/new.cpp:52
    #1 0x55ff9fadf26a in main /tmp/x/vl.c:6
"""


def test_systemds_stacks_are_read():
    recording = imported(COREDUMP)
    assert chains_in(COREDUMP) == ["qemu_thread_start ?> kvm_vcpu_ioctl .> ioctl", "main .> ppoll"]
    assert [(thread.tid, thread.label) for thread in recording.threads] == [
        (1234, "main thread"),
        (1240, "thread 1240"),
    ]
    frames = recording.stops[0].frames
    assert [(frame.library, frame.pc) for frame in frames[:2]] == [
        ("libc.so.6", 0x7F1A1B2C3D4E),
        ("", 0x55D0C0DE0004),
    ]
    assert [note[:30] for note in recording.notes] == ["1 line could not be read: line"]


def test_address_sanitizers_stacks_are_read():
    recording = imported(ASAN)
    assert chains_in(ASAN) == [
        "work ?> A::at(unsigned long) const i> inl",
        "main .> operator delete(void*)",
    ]
    assert [thread.label for thread in recording.threads] == ["main thread", "T1 (worker)"]
    assert [(frame.file, frame.line) for frame in recording.stops[0].frames[:2]] == [
        ("hw/leaf.c", 3),
        ("hw/leaf.c", 4),
    ]
    assert recording.stops[0].frames[4].library == "/lib/x86_64-linux-gnu/libc.so.6"
    assert recording.notes == ()


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("\n\t     1246 work\n\t     1093 main\n", "perf script without the fields comm and tid"),
        (
            "# To display the perf.data header info, please use --header/--header-only options.\n#\n#\n"
            "# Total Lost Samples: 0\n#\n# Samples: 12  of event 'cycles'\n#\n"
            "    53.10%  demo  demo  [.] leaf\n            |\n"
            "            ---main\n               |\n               |--40.00%--leaf\n",
            "perf report",
        ),
        ('Traceback (most recent call last):\n  File "demo.py", line 3, in leaf\n    leaf()\n', "Python"),
        ("00 00000012`3456f8a8 00007ff6`12345678 demo!leaf+0x12\n", "WinDbg"),
    ],
)
def test_backtraces_of_others_are_named_and_not_guessed_at(text, tool):
    with pytest.raises(
        AnalyzerError, match=f"It looks like the output of {tool}, a format that is not supported"
    ) as raised:
        imported(text)
    assert re.search(r"perf script|gdb", raised.value.hint)


def test_a_level_that_mi_lacks_leaves_a_hole():
    assert chains_in(MI.replace('level="3"', 'level="5"')) == ["main ?> poll .> middle i> leaf"]


@pytest.mark.parametrize("cut", range(1, len(MI) - 10, 7))
def test_mi_that_was_cut_off_is_unread_and_ends(cut):
    assert parse_results(MI[len("^done,") : -cut - 1]) is None


def test_perf_counts_equal_stacks_whatever_their_addresses():
    recording = imported(PERF)
    assert [stop.count for stop in recording.stops] == [2, 1]
    assert chains_in(PERF) == [
        "main .> main_loop .> __poll $> entry_SYSCALL_64_after_hwframe k> do_syscall_64",
        "kvm_vcpu_thread_fn ?> kvm_cpu_exec i> std::map<int, foo>::at(int) const",
    ]
    assert recording.stops[0].frames[0].function == Function("do_syscall_64", "[kernel]")
    assert [thread.label for thread in recording.threads] == ["main thread", "CPU 0/KVM"]
    assert {call.hits for call in graph_of(recording).calls} == {1, 2}
    assert recording.notes == ()
    assert recording.stops[1].time == pytest.approx(0.1)


def test_a_thread_is_the_main_one_in_stacks_that_end_before_main_and_under_other_names():
    sample = "{} 7 1.000000: cycles:\n\t1 {} (/bin/q)\n\n"
    text = sample.format("perf-exec", "load") + sample.format("q", "main") + sample.format("q", "leaf")
    recording = imported(text)
    assert [recording.thread(stop.thread).label for stop in recording.stops] == ["main thread"] * 3
    assert len(recording.threads) == 1


def test_a_fault_is_no_call_of_the_kernel():
    text = PERF.replace("entry_SYSCALL_64_after_hwframe", "asm_exc_page_fault")
    assert "__poll ?> asm_exc_page_fault k> do_syscall_64" in chains_in(text)[0]


def test_lines_of_source_that_perf_adds_belong_to_the_frame_above():
    text = PERF.replace("main_loop+0x12 (/usr/bin/qemu-system-x86_64)\n",
                        "main_loop+0x12 (/usr/bin/qemu-system-x86_64)\n  main-loop.c:12\n")  # fmt: skip
    frames = imported(text).stops[0].frames
    assert [(frame.file, frame.line) for frame in frames if frame.name == "main_loop"] == [("main-loop.c", 12)]


def test_an_address_without_a_line_of_source_leaves_no_hole():
    text = PERF.replace("([kernel.kallsyms])\n", "([kernel.kallsyms])\n  [kernel.kallsyms][ffffffff81]\n  :0\n")
    assert shown(imported(text)) == shown(imported(PERF))
    assert imported(text).notes == ()


TIMELESS = {
    "comm,tid,ip,sym": ("{comm} {tid} ", ""),
    "comm,pid,tid,ip,sym,dso": ("{comm} {pid}/{tid}   ", " ({dso})"),
    "comm,pid,tid,event,ip,sym,dso": ("{comm} {pid}/{tid} cycles:u: ", " ({dso})"),
    "comm,tid,cpu,event,ip,sym,symoff": ("{comm} {tid} [003] cycles: ", "+0x1f"),
    "comm,tid,period,event,ip,sym,symoff,dso": ("{comm} {tid}    1001001 cycles: ", "+0x1f ({dso})"),
}


@pytest.mark.parametrize(("head", "tail"), TIMELESS.values(), ids=TIMELESS)
def test_perf_without_times_is_read_with_or_without_modules(head, tail):
    program, kernel = tail.format(dso="/usr/bin/q"), tail.format(dso="[kernel.kallsyms]")
    stack = (
        f"\tffffffff81000001 do_syscall_64{kernel}\n\tffffffff81000000 entry_SYSCALL_64{kernel}\n"
        f"\t            1246 std::function<void (int)>::f(){program}\n"
        f"\t            1093 {{}}{program}\n\n"
    )
    worker = head.format(comm="worker 1", pid=70, tid=71).rstrip(" ") + "\n" + stack.format("run")
    text = 2 * (head.format(comm="q", pid=70, tid=70) + "\n" + stack.format("main")) + worker
    assert detect(text.splitlines(keepends=True)).format == "perf"
    assert chains_in(text) == [
        "main .> std::function<void (int)>::f() $> entry_SYSCALL_64 k> do_syscall_64",
        "run .> std::function<void (int)>::f() $> entry_SYSCALL_64 k> do_syscall_64",
    ]
    recording = imported(text)
    assert [(stop.count, stop.time) for stop in recording.stops] == [(2, 0.0), (1, 0.0)]
    assert [(thread.label, thread.tid) for thread in recording.threads] == [("main thread", 70), ("worker 1", 71)]
    assert recording.notes == ()


def test_a_number_in_a_threads_name_is_not_its_id():
    (thread,) = imported("pool 3 70123 1.0: cycles:\n\t1 main (/q)\n").threads
    assert thread.tid == 70123


def test_where_samples_have_times_a_line_without_one_is_unread():
    recording = imported("q 7 1.0:\n\t1 main (/q)\n\nReport 12\n")
    assert unread(recording) == ["1 line could not be read: line 4: Report 12."]


def test_within_a_stack_a_line_is_no_sample_without_time():
    text = "q 7\n\t     1246 leaf\nWarning 12\n\t     1093 main\n\n"
    assert chains_in(text) == ["main ?> leaf"]


def test_a_word_of_the_letters_a_to_f_is_no_address():
    assert chains_in("q 7\n\t     1246 leaf\n\tbad thing\n\t     1093 main\n\n") == ["main ?> leaf"]


@pytest.mark.parametrize("text", ["Chapter 12\n    12 apples and\n", "Total 5\n  add the eggs\n"])
def test_prose_is_no_sample_without_time(text):
    assert detect(text.splitlines(keepends=True)).format == ""


def inlined_chain(module, mark):
    return chains_in(
        f"q 7/7 1.0: cycles:\n\t1246 leaf ({module})\n\t1246 deep{mark}\n\t1246 middle{mark}\n"
        f"\t1200 outer ({module})\n\t1093 main (/usr/bin/q)\n"
    )


@pytest.mark.parametrize("mark", [" (inlined)", "\n  a.c:7 (inlined)", "\n  :0 (inlined)"])
def test_functions_that_perf_says_are_inlined(mark):
    assert inlined_chain("/usr/bin/q", mark) == ["main .> outer i> middle i> deep .> leaf"]


def test_what_is_inlined_is_in_the_library_of_the_function_around_it():
    assert inlined_chain("[kernel.kallsyms]", " (inlined)") == ["main ?> outer i> middle i> deep k> leaf"]
    frames = imported("q 7/7 1.0:\n\t1 deep (inlined)\n\t1 poll (/lib/libc.so.6)\n\t2 main (/q)\n").stops[0].frames
    assert [str(frame.function.where) for frame in frames] == ["[libc]", "[libc]", ""]


def test_a_module_that_was_deleted_is_no_part_of_the_name():
    text = "q 7/7 1.0:\n\t1 leaf+0x1 (/lib/liba.so.1 (deleted))\n\t2 main (/usr/bin/q (deleted))\n"
    assert chains_in(text) == ["main .> leaf"]
    assert imported(text).stops[0].frames[0].library == "/lib/liba.so.1 (deleted)"


def test_an_unreadable_line_in_a_sample_leaves_a_hole():
    text = PERF.replace("\t55d0c0de0001 main_loop+0x12 (/usr/bin/qemu-system-x86_64)\n", "\tgarbage\n", 1)
    assert chains_in(text)[0].startswith("main ?> __poll")


def test_folded_stacks_are_outermost_first_and_counted():
    recording = imported(FOLDED)
    assert [stop.count for stop in recording.stops] == [10, 2, 40]
    assert chains_in(FOLDED) == [
        "main .> main_loop .> std::map<int, foo>::operator() (x) const",
        "main .> main_loop i> inner ?> leaf",
        "kvm_vcpu_thread_fn .> ioctl $> entry_SYSCALL_64_after_hwframe k> do_syscall_64",
    ]
    assert [thread.label for thread in recording.threads] == ["main thread", "CPU 0/KVM"]


def test_folded_stacks_without_a_thread_lose_no_function():
    assert chains_in("main;a;b 3\n") == ["main .> a .> b"]
    assert chains_in("_start;main;a 3\n") == ["main .> a"]
    assert chains_in("handler_[i];a 3\n") == ["handler .> a"]


def test_show_says_how_often_a_stack_came():
    assert "(main thread, 0.000 s, 10 times)" in shown(imported(FOLDED))


def test_stripped_programs_keep_their_functions():
    text = "#0  0x01 in a ()\n#1  0x02 in b ()\n#2  0x03 in main ()\n#3  0x04 in _start ()\n"
    assert chains_in(text) == ["main .> b .> a"]


@pytest.mark.parametrize(("text", "expected"), [(MI, "mi"), (PERF, "perf"), (FOLDED, "folded"), ("words\n", "")])
def test_the_first_lines_tell_the_format(text, expected):
    detected = detect(text.splitlines(keepends=True))
    assert detected.format == expected
    assert "".join(detected.lines) == text


def test_a_line_like_perfs_without_its_header_is_no_sign_of_perf():
    assert detect(["  12 apples (red)\n", "#0  f () at a.c:1\n"]).format == "gdb"


def test_frames_without_a_sample_are_unread():
    text = PERF.replace("\n\nCPU 0", "\n\n\t55d0c0de0001 stray (/usr/bin/q)\n\nCPU 0")
    assert "stray" not in shown(imported(text))
    assert len(imported(text).notes) == 1


def test_a_format_that_is_named_is_taken():
    assert chains_in("main 5\n", "folded") == ["main"]
    with pytest.raises(AnalyzerError, match="no backtrace that can be read"):
        imported(FOLDED, "gdb")
    with pytest.raises(UsageError, match="Unknown format xml"):
        imported(FOLDED, "xml")


def test_a_recursion_in_mi_is_not_inlined():
    text = MI.replace('func="leaf"', 'func="middle"').replace('line="7"', 'line="9"')
    assert chains_in(text) == ["main .> poll .> middle .> middle"]


def test_a_text_of_which_hardly_a_line_is_a_folded_stack_is_refused():
    noise = [f"some words {n} and more\n" for n in range(3)]
    with pytest.raises(AnalyzerError, match=r"no backtrace that can be read\. 3 lines"):
        imported("".join([*noise, "x;y 3\n", "main;f 2\n"]))
    assert chains_in("".join([*noise, "main;f 3\n", "main;f 2\n", "main;g 2\n"])) == ["main .> f", "main .> g"]
    assert chains_in("".join([*noise, "main;f 3\n"]), "folded") == ["main .> f"]


def test_equal_stacks_of_samples_share_one_stack_on_all_threads():
    sample = "\t55 deep (/q)\n\t56 main (/q)\n\n"
    text = "".join(f"q 7/{7 + number % 3} {number}.0:\n{sample}" for number in range(30))
    recording = imported(text)
    assert [stop.count for stop in recording.stops] == [10, 10, 10]
    assert len({id(stop.stack) for stop in recording.stops}) == 1
