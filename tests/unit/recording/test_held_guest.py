"""Which option holds a guest, and when to look for that."""

from __future__ import annotations

import pytest

from analyzer.recording.held_guest import WAIT_OPTION, CheckTimes, explain_hold, run_state_plan
from gdbscripts import plan as plans


@pytest.mark.parametrize(
    ("state", "arguments", "reason"),
    [
        ("prelaunch", ["-S"], "the guest is held by -S"),
        ("waits", ["-S"], "the guest is held by -S"),
        (
            "prelaunch",
            ["-gdb", "tcp::1234", "-S"],
            "the guest is held by -S, and waits for a gdb that connects to -gdb tcp::1234",
        ),
        ("prelaunch", ["-s", "-S"], "the guest is held by -S, and waits for a gdb that connects to -s"),
        ("inmigrate", ["-incoming", "defer"], "the guest waits for an incoming migration (-incoming defer)"),
        ("waits", ["-incoming", "fd:3"], "the guest waits for an incoming migration (-incoming fd:3)"),
        ("inmigrate", [], "the guest waits for an incoming migration (run state inmigrate)"),
        ("preconfig", [], "QEMU waits for its configuration (--preconfig)"),
        ("prelaunch", ["-S", "-preconfig"], "QEMU waits for its configuration (--preconfig)"),
        ("prelaunch", ["-readconfig", "x"], "QEMU does not let the guest run (run state prelaunch)"),
        ("waits", [], "QEMU does not let the guest run (its vCPUs wait)"),
        (
            "no vcpu",
            ["-M", "none"],
            "the machine of -M none has no vCPU, so no milestone of a vCPU can be reached",
        ),
        (
            "shutdown",
            ["-no-shutdown"],
            "the guest has shut down, and -no-shutdown keeps QEMU (run state shutdown)",
        ),
    ],
)
def test_the_reason_names_the_option_that_the_user_wrote(state, arguments, reason):
    assert explain_hold(state, arguments).reason == reason


@pytest.mark.parametrize("state", ["internal-error", "io-error", "guest-panicked", "watchdog"])
def test_a_guest_that_qemu_paused_has_the_name_of_the_state(state):
    assert f"(run state {state})" in explain_hold(state, ["-S"]).reason


def test_each_hold_says_what_to_do():
    for state in ("prelaunch", "inmigrate", "preconfig", "waits"):
        assert WAIT_OPTION in explain_hold(state, []).hint
    sentence = explain_hold("prelaunch", ["-S"]).sentence
    assert sentence.startswith("The guest is held by -S. Leave out -S, or ")


def test_a_value_that_looks_like_an_option_is_not_one():
    assert explain_hold("prelaunch", ["-append", "S"]).reason.startswith("QEMU does not let")


def test_checks_come_later_and_later():
    checks = CheckTimes(100.0)
    due = [now for now in range(100, 200) if checks.due(float(now))]
    assert due == [101, 104, 113, 140]


def test_the_names_reach_gdb_in_the_plan(tmp_path):
    plan = plans.RecordingPlan("r", [], [], run_state=run_state_plan(stops=True))
    plans.save(plan, str(tmp_path / "plan.json"))
    assert plans.load(str(tmp_path / "plan.json")) == plan
    assert run_state_plan(stops=False).variables == ["current_run_state"]
