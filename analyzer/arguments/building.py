"""The verb that builds."""

from __future__ import annotations

import os

from analyzer.arguments.parser import Verbs, add_verb
from analyzer.arguments.types import path, positive_int, sha256


def add_build(verbs: Verbs) -> None:
    """The verb `build`."""
    verb = add_verb(
        verbs, "build", "build a QEMU with debug information from source, once; prints where it is",
        "  analyze build 1.6.0                   the official release, its sha256 checked\n"
        "  analyze build debian:7.2              the distribution's source package\n"
        "  analyze build --source ~/src/qemu     a tree or tarball of yours\n"
        "  analyze build 10.0.0 --profile release -- --disable-tcg\n"
        "  analyze build --list\n"
        "  analyze build --prune                 what nothing needs; or names from the list, or all",
    )  # fmt: skip
    verb.add_argument("what", nargs="?", metavar="WHAT", help="a release (1.6.0), or debian[:VERSION]")
    verb.add_argument("--source", type=path, metavar="DIR|TARBALL", help="build this; it is copied, never changed")
    verb.add_argument(
        "--profile",
        choices=("debug", "release"),
        default="debug",
        help="debug: not optimised, each call leaves a frame (default); release: -O2 -g, as distributions have it",
    )
    verb.add_argument("--target", default="x86_64", metavar="MACHINE", help="emulator to build (default: x86_64)")
    verb.add_argument("--sha256", type=sha256, metavar="SUM", help="what the tarball must have")
    verb.add_argument(
        "--unverified", action="store_true", help="take a release whose sha256 nobody knows; recorded as such"
    )
    verb.add_argument(
        "--mirror", default="", metavar="URL", help="folder on a server that has the release tarballs"
    )
    verb.add_argument(
        "--update", action="store_true", help="debian: look for a newer package than the one fetched before"
    )
    verb.add_argument(
        "--jobs",
        type=positive_int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="compilers at once (default: all processors)",
    )
    verb.add_argument("--list", action="store_true", help="what is built and cached, with sizes")
    verb.add_argument("--prune", nargs="*", metavar="NAME", help="remove what nothing needs, or what is named")
    verb.usage = "analyze build (WHAT | --source PATH | --list | --prune [NAME…]) [options] [-- CONFIGURE ARGS…]"
