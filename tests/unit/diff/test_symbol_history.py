"""Names are matched by patterns and renames: those of QEMU's history and a user's."""

from __future__ import annotations

import pytest

from analyzer.diff.change import ChangeKind
from analyzer.diff.compare import compare
from analyzer.diff.symbol_history import combine_histories, read_history, shipped_history
from analyzer.errors import AnalyzerError
from reports.text.sentences import sentence
from tests.support.comparisons import changes, source


def test_a_user_s_patterns_are_used():
    mine = read_history("[[pattern]]\nmatch = 'virt_\\d+_start'\nname = 'virt_N_start'", "mine.toml")
    old, new = source("main > virt_8_start > goal"), source("main > virt_9_start > goal")
    diff = compare(old, new, combine_histories([mine, shipped_history()]))
    assert [change.kind for change in diff.changes] == [ChangeKind.MACHINE_VERSION]


def test_a_user_s_renames_are_used():
    mine = read_history("[[rename]]\nold = ['tea']\nnew = ['coffee', 'milk']", "mine.toml")
    diff = compare(source("main > tea > goal"), source("main > coffee > milk > goal"), mine)
    assert [sentence(change) for change in diff.changes] == [
        "milk is added after coffee (does part of what tea did)",
        "tea is renamed to coffee",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[[pattern]]\nmatch = '('\nname = 'x'",
        "[[rename]]\nold = 'a'\nnew = ['b']",
        "[[renam]]",
        "pattern = 1",
        "=",
    ],
)
def test_a_file_that_is_none_is_an_error_that_names_it(text):
    with pytest.raises(AnalyzerError, match=r"mine\.toml"):
        read_history(text, "mine.toml")


def test_patterns_that_lead_on_and_on_name_nothing():
    endless = read_history("[[pattern]]\nmatch = '(.*)'\nname = '\\1x'", "mine.toml")
    assert endless.canonical_name("a") == "a"


def test_patterns_that_undo_each_other_name_one_of_both():
    text = "[[pattern]]\nmatch = 'a'\nname = 'b'\n[[pattern]]\nmatch = 'b'\nname = 'a'"
    names = read_history(text, "mine.toml")
    assert names.canonical_name("a") == names.canonical_name("b")


def test_numbered_twins_in_other_files_stay_apart():
    assert changes("main *> pc_init_v7_2@pc_piix > goal", "main *> pc_init_v8_0@pc_q35 > goal") == [
        "inserted pc_init_v8_0",
        "removed pc_init_v7_2",
    ]


def test_in_one_program_nothing_was_moved_or_renamed():
    one, other = "main > a@x > kvm_start_cpu > goal", "main > a@y > kvm_start_vcpu > goal"
    same = [source(line, build_id="b") for line in (one, other)]
    assert changes(*same) == ["inserted a", "inserted kvm_start_vcpu", "removed a", "removed kvm_start_cpu"]
    assert changes(one, other) == ["moved a", "renamed kvm_start_vcpu"]
