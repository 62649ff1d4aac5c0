"""Patterns that functions are asked for by."""

from __future__ import annotations

import pytest

from analyzer.errors import UsageError
from analyzer.graph.function_patterns import parse_pattern, similar_names
from analyzer.graph.merge import merge
from analyzer.model.frames import Function
from tests.support.notation import recording


@pytest.mark.parametrize(
    ("text", "function", "matches"),
    [
        ("main", Function("main", "x"), True),
        ("mai", Function("main", "x"), False),
        ("kvm_.*ioctl", Function("kvm_vm_ioctl", "kvm-all"), True),
        ("kvm_(?:vm|vcpu)_ioctl", Function("kvm_vm_ioctl", "kvm-all"), True),
        ("kvm-all:kvm_.*", Function("kvm_init", "kvm-all"), True),
        ("kvm-all.c:kvm_.*", Function("kvm_init", "kvm-all"), True),
        ("kvm-all:kvm_.*", Function("kvm_init", "kvm_all"), False),
        ("kvm:kvm_.*", Function("kvm_init", "kvm-all"), False),
        ("[kernel]:kvm_.*", Function("kvm_init", "[kernel]"), True),
        ("[kernel]:kvm_.*", Function("kvm_init", "kvm-all"), False),
        ("ns::f", Function("ns::f", "x"), True),
        ("x:ns::f", Function("ns::f", "x"), True),
        (".*", Function("two\nlines", "x"), False),
        ("operator new", Function("operator new", "x"), True),
        ("", Function("main", "x"), False),
    ],
)
def test_a_pattern_matches_the_whole_name(text, function, matches):
    assert parse_pattern(text).matches(function) is matches


@pytest.mark.parametrize("text", ["(", "a{99999999999}", "*", "main:*", "[z-a]"])
def test_what_is_no_regular_expression_is_a_usage_error(text):
    with pytest.raises(UsageError, match="no regular expression"):
        parse_pattern(text)


def test_no_warning_of_python_about_a_pattern_gets_through():
    assert parse_pattern("[[a]").matches(Function("[", "x"))


def test_near_names_are_told_and_those_of_another_file_first():
    graph = merge([recording("main > kvm_vm_ioctl@kvm-all > ioctl")])
    assert similar_names(parse_pattern("kvm_vm_iotcl"), graph)[0] == "kvm_vm_ioctl"
    assert similar_names(parse_pattern("kvm:kvm_vm_ioctl"), graph)[0] == "kvm-all:kvm_vm_ioctl"
    assert similar_names(parse_pattern("x" * 100_000), graph) == []
