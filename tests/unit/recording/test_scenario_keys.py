"""A scenario file that is none is refused with the file, the place and the key."""

from __future__ import annotations

import pytest

from analyzer.errors import AnalyzerError
from analyzer.recording.scenarios import read_scenario

SOUND = (
    'name = "startup"\ntitle = "t"\n[[accelerator]]\nname = "kvm"\nexpression = "kvm_allowed"\n'
    '[[milestone]]\nname = "main"\ntitle = "QEMU starts"\nfunctions = ["main"]\n'
)


def test_a_sound_scenario_is_read():
    assert [step.name for step in read_scenario(SOUND, "s.toml", "kvm").steps] == ["main"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('name = "startup"', "", "the scenario has no name"),
        ('name = "startup"', "name = 1", "name of the scenario is not a text"),
        ('functions = ["main"]', 'functions = "main"', r"functions of \[\[milestone\]\] 1 is not a list of texts"),
        ('functions = ["main"]', "", r"\[\[milestone\]\] 1 has no functions"),
        ('title = "QEMU', 'limit = -1\ntitle = "QEMU', r"limit of \[\[milestone\]\] 1 is not a number"),
        ('title = "QEMU', 'limit = true\ntitle = "QEMU', r"limit of \[\[milestone\]\] 1 is not a number"),
        ('title = "QEMU', 'lmit = 1\ntitle = "QEMU', r"\[\[milestone\]\] 1 has the unknown key 'lmit'"),
        ('title = "QEMU', 'while_running = {x = 1}\ntitle = "QEMU', "while_running of .* has the unknown key"),
        ("expression =", "text =", r"\[\[accelerator\]\] 1 has no expression"),
        ("[[milestone]]", "[milestone]", "milestone of the scenario is not a list of tables"),
        ('title = "QEMU', 'as_often_as = "x"\ntitle = "QEMU', "as_often_as x, which is not a milestone"),
        ('title = "t"', "title = ", "s.toml:2 is not TOML"),
    ],
)
def test_what_is_wrong_is_said(old, new, reason):
    with pytest.raises(AnalyzerError, match=reason) as error:
        read_scenario(SOUND.replace(old, new, 1), "s.toml", "kvm")
    assert error.value.message.startswith("s.toml")


def test_a_scenario_of_another_name_cannot_be_attached():
    with pytest.raises(AnalyzerError, match="its name is not one of startup, io"):
        read_scenario(SOUND.replace("startup", "other"), "s.toml", "kvm", attached=True)
