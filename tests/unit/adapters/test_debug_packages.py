"""How to get debug information is said for every distribution, first for that of this host."""

from __future__ import annotations

import pytest

from analyzer.adapters.debug_packages import how_to_get_debug_information

COMMANDS = {
    "Debian": "apt install qemu-system-x86-dbgsym",
    "Ubuntu": "ddebs",
    "Fedora": "dnf debuginfo-install qemu-system-x86",
    "Arch": "debuginfod is on by default",
}


@pytest.mark.parametrize(
    ("os_release", "first"),
    [
        ("ID=debian\n", "Debian (this host): "),
        ('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', "Ubuntu (this host): "),
        ("ID=fedora\n", "Fedora (this host): "),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "Fedora (this host): "),
        ("ID=arch\n", "Arch (this host): "),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "Ubuntu (this host): "),
        ("ID=void\n", "Debian: "),
        (None, "Debian: "),
    ],
)
def test_the_distribution_of_this_host_comes_first(os_release, first, tmp_path):
    file = tmp_path / "os-release"
    if os_release is not None:
        file.write_text(os_release)
    lines = how_to_get_debug_information(file).splitlines()
    assert lines[0].startswith(first)
    for name, command in COMMANDS.items():
        (line,) = [line for line in lines if line.startswith(name)]
        assert command in line
    assert sum("(this host)" in line for line in lines) == ("(this host)" in first)
