"""A backtrace of gdb after terminals, mails and web pages have done to it what they do."""

from __future__ import annotations

import textwrap

import pytest

from analyzer.backtraces.line_cleanup import without_entities
from tests.support.pasted import CHAIN, PLAIN, chains_in, imported, shown, unread

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


def every(pattern):
    return "\n".join(pattern % line for line in PLAIN.splitlines())


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
        pytest.param(
            "\n".join(f"  {n}. {x}  " for n, x in enumerate(PLAIN.splitlines(), 1)), id="a numbered list"
        ),
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
    assert recording.stops[0].arguments_of(1)[0][0] == "p"
    assert recording.stops[0].frames[1].pc == 0x401136


@pytest.mark.parametrize("width", range(20, 90))
def test_a_terminal_may_break_lines_at_any_column(width):
    text = "\n".join(part for line in PLAIN.splitlines() for part in _cut(line, width))
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
        text = "\n".join(written.format(part, width) for line in LONG.splitlines() for part in broken(line, width))
        recording = imported(text)
        assert (shown(recording), recording.notes) == (shown(imported(LONG)), ()), width


def test_a_numbered_list_of_threads_keeps_them_apart():
    text = "\n".join(f"{n}. {line}" for n, line in enumerate(LONG.splitlines(), 1))
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
    assert imported("\n".join(f"> {line}" for line in text.splitlines())).stops[0].frames[1].name == name


def test_a_name_that_was_broken_before_its_arguments_is_whole():
    text = PLAIN.replace("middle (", "A::operator()\n(")
    assert imported(text).stops[0].frames[1].name == "A::operator()"


def test_a_local_that_the_terminal_broke_is_no_hole():
    long = "        message = " + '"' + "x" * 60 + '", '
    text = f"#0  leaf (n=3) at leaf.c:7\n{long}\nand_so_on\n#1  0x01 in main () at main.c:12\n"
    assert chains_in(text) == ["main .> leaf"]


def test_lines_that_were_cut_at_the_right_edge_keep_their_names():
    text = "\n".join(line[:45] for line in PLAIN.splitlines())
    assert chains_in(text) == [CHAIN]


def test_a_name_that_was_cut_is_no_name():
    assert chains_in(PLAIN[: PLAIN.index("main") + 2]) == ["middle .> leaf"]


METHODS = [
    "std::function<void(std::map<int, std::less<int> >)>::operator()(std::map<int, std::less<int> >) const",
    "f<std::vector<int, std::allocator<int> >, (anonymous namespace)::D<unsigned long, -5> >",
    "(anonymous namespace)::D<unsigned long, -5>::run",
]


@pytest.mark.parametrize("indent", ["", "    "])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_cpp_keeps_its_name_wherever_a_mail_broke_it(name, indent):
    text = PLAIN.replace('middle (p=0x7ffe "x, y)"', f"{name} (this=0x7, __args#0=3")
    for width in range(50, 120):
        broken = "\n".join(f"\n{indent}".join(_wrapped(line, width)) for line in text.splitlines())
        recording = imported(broken)
        assert (shown(recording), recording.notes) == (shown(imported(text)), ()), width
        assert recording.stops[0].frames[1].name == name


def test_an_operator_that_was_broken_stays_whole():
    text = PLAIN.replace("middle (", "std::operator>\n> (")
    assert imported(text).stops[0].frames[1].name == "std::operator>>"


def test_of_a_word_behind_a_parenthesis_only_a_methods_own_goes_on():
    assert len(unread(imported(f"{PLAIN}\n#3 foo (bar) constant\n(a=1) at a.c:1\n"))) == 1
    assert len(unread(imported(f"{PLAIN}\n#3 A::foo (bar) constant\nsome words\n"))) == 1


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


NAMED = PLAIN.replace("middle", "std::map<int&, std::less<int> >::operator<").replace(
    "argc=1", "argc=<optimized out>"
)
SIGNALLED = NAMED + "#3  <signal handler called>\n#4  0x0000000000401160 in raise () from /lib/libc.so.6\n"


@pytest.mark.parametrize("prefix", ["", "> ", "qemu_1  | ", "qemu-1 | "])
@pytest.mark.parametrize("written", [str, escaped])
def test_the_source_of_a_page_and_a_containers_log_are_read_as_what_they_show(written, prefix):
    text = "".join(f"{written(prefix + line)}\n" for line in SIGNALLED.splitlines())
    recording = imported(text)
    assert (shown(recording), recording.notes) == (shown(imported(SIGNALLED)), ())


def test_what_a_program_wrote_in_a_string_stays_as_it_is():
    value = '0x7ffe "&lt;b&gt; &amp; \\"&quot;"'
    text = PLAIN.replace('0x7ffe "x, y)"', value)
    assert imported(text).stops[0].arguments_of(1) == (("p", value),)


def test_an_entity_brings_no_control_character_in():
    assert without_entities("&#27;&lrm;&lt;&#39;") == "&#27;&lrm;<'"
