"""The options that say which paths are looked for, and the help that explains them."""

from __future__ import annotations

import argparse

PATHS_EXAMPLES = """\
  analyze paths graph.json --from main --to 'kvm_.*ioctl'
  analyze paths graph.json --from main --to kvm_cpu_exec --via 'pc_piix:pc_init.*' --not-via accel_init_machine
  analyze paths graph.json --from main --to 'kvm_.*' --kind indirect,unknown --kind thread-start
  analyze paths graph.json --from qemu_init --to '.*' --only-kind direct,inline --shortest
  analyze paths callchain-qemu-7.2.22-startup --from main --to ioctl --recorded -o ioctl.svg

patterns:
  A PATTERN is a regular expression that must match a function's whole name. A name before a colon is the stem
  of the file that defines it, without a folder: 'kvm-all:kvm_.*'; '[kernel]:kvm_.*' is the kernel's.

paths:
  `recorded`: a chain of the graph, to one of its milestones, has the path in one piece. `put together`: each
  call was seen, in different stacks, and the whole may never have happened; such a path passes no function
  twice. Recorded ones come first; of the others first the shortest for each pair of ends.

kinds of calls:
  direct, indirect (through a pointer), call (one of these, not known which), tail, inline, thread-start, signal,
  syscall, kernel, documented, unknown

exit status of paths:
  0 there are paths; 1 there is none, though both ends are in the graph; 2 no regular expression, or no such
  kind; 3 the graph cannot be read, or a pattern matches none of its functions (near names are told)"""


def add_query_options(verb: argparse.ArgumentParser) -> None:
    """What to look for, and how the answer is told."""
    verb.add_argument("--from", dest="start", required=True, metavar="PATTERN", help="where paths begin")
    verb.add_argument("--to", dest="goal", required=True, metavar="PATTERN", help="where they end")
    several = (
        ("--via", "via", "PATTERN", "only paths with such a function on them; again: with that one too, anywhere"),
        ("--not-via", "not_via", "PATTERN", "only paths without such functions, at the ends too; may be repeated"),
        (
            "--kind",
            "kinds",
            "K[,K…]",
            "only paths with a call of one of these kinds; again: with one of those too",
        ),
        ("--only-kind", "only_kinds", "K[,K…]", "only paths all calls of which are of these kinds"),
    )
    for option, name, value, text in several:
        verb.add_argument(option, dest=name, action="append", default=[], metavar=value, help=text)
    verb.add_argument("--recorded", action="store_true", help="only paths that were recorded in one piece")
    verb.add_argument(
        "--shortest",
        action="store_true",
        help="only the shortest for each pair of ends, put together or, with --recorded, seen in one piece",
    )
    verb.add_argument(
        "--format",
        choices=("text", "json", "dot", "svg"),
        help="default: text, or what the suffix of -o FILE says",
    )
