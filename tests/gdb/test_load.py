"""Much of everything: threads, deep stacks, long names, breakpoints. Memory stays bounded."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need_tool

MOST_MEMORY = 600  # MiB of the largest process: gdb takes some 100 for a small program
LONG_NAME = "f" * 4096
PROGRAMS = {
    "a thousand threads": """
        #include <pthread.h>
        void __attribute__((noinline)) goal(void) { __asm__ volatile(""); }
        static void *work(void *unused) { goal(); return unused; }
        int main(void)
        {
            pthread_t threads[1000];
            for (int i = 0; i < 1000; i++) pthread_create(&threads[i], 0, work, 0);
            for (int i = 0; i < 1000; i++) pthread_join(threads[i], 0);
        }
    """,
    "ten thousand frames": """
        void __attribute__((noinline)) goal(void) { __asm__ volatile(""); }
        int descend(int depth) { if (depth) return descend(depth - 1) + 1; goal(); return 0; }
        int main(void) { return descend(10000) == 10000 ? 0 : 1; }
    """,
    "a name of 4 KB": f"""
        void __attribute__((noinline)) goal(void) {{ __asm__ volatile(""); }}
        void {LONG_NAME}(void) {{ goal(); }}
        int main(void) {{ {LONG_NAME}(); }}
    """,
}


@pytest.fixture
def compile_text(tmp_path):
    def compile_program(text: str) -> Path:
        source, program = tmp_path / "program.c", tmp_path / "program"
        source.write_text(text)
        subprocess.run([need_tool("gcc"), "-g", "-O0", "-pthread", "-o", program, source], check=True)
        return program

    return compile_program


@pytest.fixture(autouse=True)
def memory_is_bounded() -> Iterator[None]:
    """Of the largest child. One of an earlier test in this process that was larger still hides it."""
    earlier = _peak()
    yield
    assert _peak() <= max(MOST_MEMORY, earlier)


def _peak() -> int:
    """The largest resident set of a child that has ended, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


@pytest.mark.load("1,000 threads", does="records each in its thread")
def test_a_thousand_threads_are_recorded(record, compile_text):
    recording = record(compile_text(PROGRAMS["a thousand threads"]), functions=["goal"])
    stops = [stop for stop in recording.stops if stop.function == "goal"]
    assert len({stop.thread for stop in stops}) == 1000


@pytest.mark.load("a stack of 10,000 frames", does="ends it in a frame that says how deep it is")
def test_a_stack_of_ten_thousand_frames_ends_in_one_that_stands_for_the_rest(record, compile_text):
    recording = record(compile_text(PROGRAMS["ten thousand frames"]), functions=["goal"])
    (stop,) = (stop for stop in recording.stops if stop.function == "goal")
    names = [frame.name for frame in stop.frames]
    assert names[:2] == ["goal", "descend"]
    assert names[-1] == "main" or names[-1].startswith("<stack deeper than")


@pytest.mark.load("a name of 4 KB", does="records it whole")
def test_a_name_of_4_kilobytes_is_recorded_whole(record, compile_text):
    recording = record(compile_text(PROGRAMS["a name of 4 KB"]), functions=["goal"])
    assert [frame.name for frame in recording.stops[-1].frames] == ["goal", LONG_NAME, "main"]


@pytest.mark.load("200 breakpoints", does="records all")
def test_two_hundred_breakpoints_are_all_hit(record, compile_text):
    functions = [f"step_{number}" for number in range(200)]
    bodies = "".join(
        f'void __attribute__((noinline)) {name}(void) {{ __asm__ volatile(""); }}\n' for name in functions
    )
    calls = "".join(f"{name}(); " for name in functions)
    recording = record(compile_text(f"{bodies}int main(void) {{ {calls} }}"), functions=functions)
    assert recording.reached == set(functions)
