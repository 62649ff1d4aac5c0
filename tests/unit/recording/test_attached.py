"""What a recording of a running QEMU requires, and when gdb may not attach."""

from __future__ import annotations

import pytest

from analyzer.adapters.running_qemu import ptrace_refusal
from analyzer.recording.scenarios import load_scenario


def test_a_running_qemu_needs_only_what_it_passes_again():
    steps = {step.name: step for step in load_scenario("startup", "kvm", attached=True).steps}
    assert [name for name, step in steps.items() if step.required] == ["kvm-run"]
    assert {name for name, step in steps.items() if not step.passed} == {"kvm-cpu-exec", "kvm-run"}
    assert not any(step.as_often_as for name, step in steps.items() if not step.passed)
    assert [name for name, step in steps.items() if step.shows_accelerator] == ["kvm-run"]


def test_a_guest_that_tcg_translates_may_stay_in_its_code():
    steps = load_scenario("startup", "tcg", attached=True).steps
    assert not any(step.required for step in steps)
    assert "tcg-cpu-exec" in {step.name for step in steps if not step.passed}


@pytest.mark.parametrize(("name", "attached_name"), [("startup", "attached"), ("io", "attached-io")])
def test_the_scenario_of_a_running_qemu_has_a_name_of_its_own(name, attached_name):
    assert load_scenario(name, "kvm", attached=True).name == attached_name
    assert not any(step.passed for step in load_scenario(name, "kvm").steps)


@pytest.mark.parametrize(
    ("scope", "capability", "reason"),
    [
        ("", False, None),
        ("0", False, None),
        ("1", True, None),
        ("2", True, None),
        ("1", False, "only a parent may trace"),
        ("2", False, "only root may trace"),
        ("3", False, "no process may be traced"),
        ("3", True, "no process may be traced"),
    ],
)
def test_yama_may_forbid_to_attach(scope, capability, reason):
    refusal = ptrace_refusal(scope, capability)
    assert (refusal is None) == (reason is None)
    assert refusal is None or (reason in refusal[0] and refusal[1])
