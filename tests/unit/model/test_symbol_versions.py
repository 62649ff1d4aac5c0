"""What tools add to a function's name is no part of its identity: symbol versions, `@plt`, Rust's hashes."""

from __future__ import annotations

import pytest

from analyzer.model.frames import identify
from tests.support.pasted import imported


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait"),
        ("clock_nanosleep@GLIBC_2.2.5", "clock_nanosleep"),
        ("malloc@plt", "malloc"),
        ("ns::f(int)@@DISK_1.0", "ns::f(int)"),
        ("f.constprop.0@@V_1", "f"),
        ("panic::disk::flush::hdab5b5af960b80b9", "panic::disk::flush"),
        ("std[e28293b1aa0f68bd]::io::write", "std::io::write"),
    ],
)
def test_what_is_added_to_a_name_is_no_part_of_the_identity(name, identity):
    assert identify(name, "", "").name == identity
    assert identify(name, "", "/lib/libc.so.6").name in (identity, "f.constprop.0")


def test_a_symbol_version_is_shown():
    recording = imported("#0  0x01 in free@@GLIBC_2.2.5 () from /lib/libc.so.6\n#1  0x02 in main () at main.c:2\n")
    frame = recording.stops[0].frames[0]
    assert (frame.name, str(frame.function)) == ("free@@GLIBC_2.2.5", "free")
    assert [milestone.title for milestone in recording.milestones] == ["In free"]


@pytest.mark.parametrize("name", ["operator new[](unsigned long)", "f(int (&) [3])", "a::b::hash", "name@", "@plt",
                                  "A::operator[](int)::x"])  # fmt: skip
def test_a_name_without_additions_is_its_identity(name):
    assert identify(name, "", "").name == name


def test_the_hashes_of_rust_differ_between_builds_and_not_between_functions():
    old, new = (identify(f"std[{crate}]::io::write::h{hash_}", "", "").name
                for crate, hash_ in (("e28293b1aa0f68bd", "0123456789abcdef"), ("1", "f" * 16)))  # fmt: skip
    assert old == new == "std::io::write"
