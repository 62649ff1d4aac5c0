"""A probe that is at another instruction than the breakpoint is hit as often, whatever the compiler made."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from analyzer.adapters.code_files import CodeFile
from analyzer.adapters.gdb import Gdb
from analyzer.recording.probes.places import ProbePlaces, find_places
from gdbscripts import plan as plans
from tests.conftest import need_tool
from tests.gdb.conftest import PROGRAMS

NAMES = (
    "active_calls", "callback", "inlined", "inlined_stop", "jumps", "lost_tail_call", "many_hits", "recursion",
    "retpoline", "tail_call", "longjmp",
)  # fmt: skip
_FUNCTION = re.compile(r"^[0-9a-f]+ [tT] ([a-z]\w*)$", re.MULTILINE)
_HITS = re.compile(r"^HITS (\w+) (\d+)$", re.MULTILINE)
_COUNT = """
import gdb
class Counted(gdb.Breakpoint):
    def stop(self):
        counts[self.location] += 1
        return False
counts = {}
for address in %r:
    counts["*0x%%x" %% address] = 0
    Counted("*0x%%x" %% address)
gdb.execute("run > /dev/null")
for location, count in counts.items():
    print("HITS %%s %%d" %% (location[1:], count))
"""


def found_places(program: Path, folder: Path) -> ProbePlaces:
    """The places of probes for all functions of a program."""
    listed = subprocess.run([need_tool("nm"), str(program)], capture_output=True, text=True, check=True).stdout
    own = (PROGRAMS / program.name.split("-")[0]).with_suffix(".c").read_text()
    names = [name for name in _FUNCTION.findall(listed) if re.search(rf"\b{name}\(", own)]
    steps = [plans.PlannedMilestone(name, name, True, [name]) for name in names]
    plans.save(plans.RecordingPlan("", steps, []), str(folder / "plan.json"))
    with Gdb(program) as gdb:
        rules = CodeFile(program).call_frame_rules()
        return find_places(gdb, folder / "plan.json", folder, program, [], rules)


def hits(program: Path, addresses: list[int], folder: Path) -> dict[int, int]:
    """How often each instruction is executed; a gdb that only counts."""
    script = folder / "count.py"
    script.write_text(_COUNT % addresses)
    command = ["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-x", str(script), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    found = {int(address, 16): int(count) for address, count in _HITS.findall(done.stdout)}
    assert found.keys() == set(addresses), done.stdout + done.stderr
    return found


@pytest.mark.parametrize("flags", [("-O0",), ("-O1",), ("-O2",), ("-O3",), ("-Os",)], ids=" ".join)
@pytest.mark.parametrize("name", NAMES)
def test_a_moved_probe_is_hit_as_often_as_the_breakpoint(name, flags, build, tmp_path):
    program = build(PROGRAMS / f"{name}.c", *flags, "-no-pie")
    moved = {address: probe for (_, address), probe in found_places(program, tmp_path).moved.items()}
    if not moved:
        return
    counted = hits(program, sorted({*moved, *moved.values()}), tmp_path)
    assert {address: counted[address] for address in moved} == {
        address: counted[probe] for address, probe in moved.items()
    }


def test_probes_are_moved_at_all(build, tmp_path):
    """A program built for debugging: a breakpoint is behind the prologue, the probe at its `push`."""
    program = build(PROGRAMS / "callback.c", "-O0", "-no-pie")
    places = found_places(program, tmp_path)
    assert len(places.moved) >= len(places.functions) / 2
