"""Which functions `--break` and `--break-calls-of` select in a program, and what is said when they select none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from analyzer.adapters.elf import function_symbols
from analyzer.errors import UsageError
from analyzer.recording.break_functions import BreakSelection, notes_on_globs, select_calls, select_functions
from analyzer.recording.scenarios import break_step
from tests.conftest import need_tool

SOURCES = {
    "hw/one.c": """
#include "../include/shared.h"
static __attribute__((noinline)) int twin_work(int x) { return sink(x); }
int one_init(int x) { return twin_work(x) + only_inlined(x); }
""",
    "hw/two.c": """
#include "../include/shared.h"
static __attribute__((noinline)) int twin_work(int x) { return sink(x) * 3; }
int two_init(int x) { return twin_work(x) + only_inlined(x); }
volatile int v;
__attribute__((noinline)) int sink(int x) { v = x; return v; }
__attribute__((cold, noinline)) void failed(int x) { v = x; }
__attribute__((noinline)) int partial(int x) { if (x > 100) { failed(x); sink(2); failed(3); } return sink(x); }
""",
    "main.c": """
int one_init(int), two_init(int), partial(int);
int main(int argc, char **argv) { (void)argv; return one_init(argc) + two_init(argc) + partial(argc); }
""",
    "include/shared.h": """
int sink(int);
void failed(int);
static inline int only_inlined(int x) { return sink(x) * 2; }
""",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("program"))


def build(folder: Path, *flags: str) -> Path:
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    sources = [str(folder / name) for name in SOURCES if name.endswith(".c")]
    program = folder / "program"
    subprocess.run([need_tool("gcc"), "-g", "-O2", *flags, "-o", str(program), *sources], check=True)
    return program


def select(program: Path, *breaks: str, limit: int = 0, scenario=()) -> list[BreakSelection]:
    return select_functions(breaks, limit, scenario, program)


def names(selection: BreakSelection) -> list[str]:
    return [step.functions[0] for step in selection.steps]


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("*_init", ["one_init", "two_init"]),
        ("[ot][nw]?_init", ["one_init", "two_init"]),
        ("only_*", ["only_inlined"]),
        ("twin_*", ["twin_work"]),
        ("part*", ["partial"]),  # not partial.cold
        ("file:hw/*", ["failed", "one_init", "partial", "sink", "twin_work", "two_init"]),
        ("file:hw/one.c", ["one_init", "one.c:twin_work"]),
        ("file:one.c:*work", ["one.c:twin_work"]),
        ("one.c:*work", ["one.c:twin_work"]),
        ("file:include/*", ["only_inlined"]),
        ("file:*.c:main", ["main"]),
    ],
)
def test_a_glob_selects_functions_of_the_program(program, text, selected):
    (selection,) = select(program, text)
    assert sorted(names(selection)) == sorted(selected)
    assert all(step.pattern == text for step in selection.steps)
    assert all(step.addresses or step.inlined for step in selection.steps)


def test_one_function_is_left_to_gdb(program):
    (selection,) = select(program, "sink", limit=3)
    assert selection.steps == (break_step("sink", 3),)
    assert selection.sentence == ""


def test_the_functions_of_one_name_have_the_addresses_of_all_of_them(program):
    addresses = sorted(address for name, address in function_symbols(program) if name == "twin_work")
    assert len(addresses) == 2
    (both,) = select(program, "twin_*")
    assert both.steps[0].addresses == addresses
    assert [Path(file).name for file in both.steps[0].files] == ["one.c", "two.c"]
    (first,) = select(program, "file:one.c:twin_*")
    assert len(first.steps[0].addresses) == 1


def test_the_sentence_tells_functions_places_and_what_is_recorded_anyway(program):
    scenario = [break_step("one_init", 0)]
    first, second = select(program, "*_init", "o*", scenario=scenario)
    assert first.sentence == "--break '*_init' records 2 functions (1 that the scenario records already)"
    assert second.sentence == (
        "--break 'o*' records 1 function in 2 places (1 more that an earlier --break records)"
    )
    assert first.steps[0].addresses == []  # gdb looks it up, for both milestones


def test_what_a_stripped_program_has_is_in_its_debug_file(program, tmp_path):
    debug, stripped = tmp_path / "program.debug", tmp_path / "stripped"
    subprocess.run([need_tool("objcopy"), "--only-keep-debug", str(program), str(debug)], check=True)
    subprocess.run([need_tool("strip"), "-o", str(stripped), str(program)], check=True)
    assert select(debug, "*_init", "file:hw/one.c") == select(program, "*_init", "file:hw/one.c")
    with pytest.raises(UsageError):
        select(stripped, "*_init")


def test_without_debug_information_the_symbol_table_has_the_names(program, tmp_path):
    plain = tmp_path / "plain"
    subprocess.run([need_tool("strip"), "-g", "-o", str(plain), str(program)], check=True)
    (selection,) = select(plain, "*_init")
    assert names(selection) == ["one_init", "two_init"]
    with pytest.raises(UsageError, match="files of functions cannot be read") as error:
        select(plain, "file:hw/*")
    assert "Name the functions" in error.value.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("sonk", "--break sonk: this QEMU has no such function", "Did you mean sink"),
        ("one_inti*", "--break 'one_inti*': no function of this QEMU matches", "one_init"),
        ("zzzzzz*", "no function of this QEMU matches", "Functions of libraries are not matched"),
        ("file:hw/onne.c", "no function of this QEMU is defined in such a file", "hw/one.c"),
        ("file:zzz/*", "no function of this QEMU is defined in such a file", "relative to the source tree"),
        ("file:hw/one.c:one_inti", "no function of this QEMU matches", "one_init"),
        ("two.c:one_init", "--break two.c:one_init: this QEMU has no such function", ""),
    ],
)
def test_what_selects_nothing_is_an_error_with_what_is_near(program, text, message, hint):
    with pytest.raises(UsageError) as error:
        select(program, text)
    assert message in error.value.message
    assert hint in error.value.hint


def test_a_function_of_a_library_is_asked_for_elsewhere(program):
    asked = []
    select_functions(["g_malloc"], 0, (), program, lambda name: bool(asked.append(name)) or True)
    assert asked == ["g_malloc"]


def test_the_calls_of_a_function_are_those_of_all_its_copies(program):
    (selection,) = select_calls(["only_inlined"], 5, program)
    (step,) = selection.steps
    assert step.calls
    assert step.limit == 5
    assert len(step.addresses) == 2  # inlined twice, and no code of its own
    (selection,) = select_calls(["one_init"], 0, program)
    assert len(selection.steps[0].inlined) == 1  # only_inlined is inlined into it
    with pytest.raises(UsageError, match="--break-calls-of sonk: this QEMU has no such function"):
        select_calls(["sonk"], 0, program)


def test_a_note_counts_the_functions_that_were_hit_and_names_a_few_others(program):
    (selection,) = select(program, "file:hw/*")
    (note,) = notes_on_globs([selection], lambda name: name == "break sink")
    assert note == (
        "1 of 6 functions of --break 'file:hw/*' were hit; "
        "never hit: failed, one_init, partial, twin_work, two_init."
    )
    (note,) = notes_on_globs([selection], lambda _: True)
    assert note == "6 of 6 functions of --break 'file:hw/*' were hit."
