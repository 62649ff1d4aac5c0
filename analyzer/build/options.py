"""Options for QEMU's `configure`, chosen from what its own `--help` offers."""

from __future__ import annotations

import re

_LONG_OPTION = re.compile(r"--([a-z][a-z0-9-]*)")
_FEATURE = re.compile(r"^  ([a-z][a-z0-9-]*)(?:  |$)", re.MULTILINE)

# (name in the help text, option): system emulation of x86-64 with KVM, debug information, nothing else.
_WANTED = (
    ("target-list", "--target-list=x86_64-softmmu"),
    ("without-default-features", "--without-default-features"),
    ("kvm", "--enable-kvm"),
    ("tcg", "--enable-tcg"),
    ("fdt", "--enable-fdt"),
    ("enable-debug", "--enable-debug"),
    ("docs", "--disable-docs"),
    ("tools", "--disable-tools"),
    ("guest-agent", "--disable-guest-agent"),
    ("user", "--disable-user"),
    ("werror", "--disable-werror"),
    ("install-blobs", "--disable-install-blobs"),
)


def choose_options(help_text: str) -> list[str]:
    """The options, in a fixed order; those the help text does not offer are left out."""
    offered = offered_names(help_text)
    return [option for name, option in _WANTED if name in offered]


def offered_names(help_text: str) -> set[str]:
    """Names of long options without their dashes, and of features that are listed bare.

    Releases that list features as `--enable-kvm` offer `kvm` as well.
    """
    options = set(_LONG_OPTION.findall(help_text))
    features = set(_FEATURE.findall(help_text))
    bare = {re.sub(r"^(?:enable|disable)-", "", name) for name in options}
    return options | features | bare
