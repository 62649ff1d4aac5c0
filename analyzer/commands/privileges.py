"""Gives up what a recording does not need: root for gdb and QEMU, and the sight of secrets."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import analyzer
from analyzer.adapters.accounts import Account, account_to_use, become, check_readable
from analyzer.adapters.hidden_paths import hide, paths_to_hide
from analyzer.adapters.privileged import end_helper, start_helper
from analyzer.commands.parser import Parser, file_mode
from analyzer.console import Console
from analyzer.errors import AnalyzerError
from gdbscripts.enums import Engine


def add_privilege_options(parser: Parser) -> None:
    """Add `--user`, `--hide-secrets` and `--out-mode`."""
    parser.add_argument(
        "--user",
        default="",
        metavar="NAME",
        help="run QEMU and gdb as this user; only the kernel's events stay with root (default: with sudo, the "
        "user who called it, else the user of this process; with --pid root, unless that user can attach)",
    )
    parser.add_argument(
        "--hide-secrets",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="as root, keep ~/.ssh, ~/.gnupg, /etc/shadow and other secrets that no option names from QEMU and "
        "gdb, in a mount namespace; not with --pid (default: yes)",
    )
    parser.add_argument(
        "--out-mode",
        type=file_mode,
        default=0o700,
        metavar="MODE",
        help="permissions of a new output folder, as for chmod, such as 755 (default: 700, this user only)",
    )


@contextmanager
def least_privilege(options: argparse.Namespace) -> Iterator[None]:
    """Run the block, and all that it starts, as the user of `account_to_use`, without a sight of secrets.

    A helper keeps the privileges for the kernel's events during the block. The change of user is for good.
    AnalyzerError when the user is unknown, or cannot read what a recording needs.
    """
    account = account_to_use(options.user, os.geteuid(), os.environ, options.pid)
    try:
        if account is not None and (options.kernel or options.engine is Engine.PROBES):
            start_helper(account.uid)  # before the namespace: what it makes is seen by all
        if options.hide_secrets and options.pid is None and os.geteuid() == 0:
            homes = {Path("~root").expanduser(), Path.home(), *([account.home] if account else [])}
            hide(paths_to_hide(sorted(homes), _texts(options)))
        if account is not None:
            _switch(account, options)
        yield
    finally:
        end_helper()


def _switch(account: Account, options: argparse.Namespace) -> None:
    try:
        become(account, locks_memory=options.engine is Engine.PROBES)
    except OSError as error:
        raise AnalyzerError(
            f"This process cannot become user {account.name}: {error.strerror}.",
            "In a container add --cap-add SETUID,SETGID, or run all as root: --user root.",
        ) from None
    program = {"the program": options.qemu} if options.qemu is not None else {}
    needed = {"this program": Path(analyzer.__file__), "Python's library": Path(os.__file__), **program}
    check_readable(account, needed)
    Console().say(f"QEMU and gdb run as user {account.name}; --user root runs them as root")


def _texts(options: argparse.Namespace) -> list[str]:
    """What the options name, where links in them lead, the current folder, and where Python lies."""
    texts = [str(Path.cwd()), analyzer.__file__, os.__file__]
    for value in vars(options).values():
        texts += map(str, value) if isinstance(value, (list, tuple)) else [str(value)]
    parts = (part for text in texts for part in re.split("[=,]", text) if part)
    return [*texts, *(target for part in parts if (target := os.path.realpath(part)) != part)]  # behind links
