"""Verbs that read what was recorded or pasted."""

from __future__ import annotations

from analyzer.arguments.parser import Verbs, add_verb
from analyzer.arguments.querying import PATHS_EXAMPLES, add_query_options
from analyzer.arguments.types import path, positive_int


def add_import(verbs: Verbs) -> None:
    """The verb `import`."""
    verb = add_verb(
        verbs, "import", "make a recording of a backtrace that somebody pasted",
        "  analyze import backtrace.txt\n"
        "  analyze import - --name bug-1234      paste it, then Ctrl-D\n"
        "  perf script | analyze import - --name busy",
    )  # fmt: skip
    verb.add_argument(
        "source", metavar="FILE|-", help="gdb's bt in any form, its MI output, perf script, or folded stacks"
    )
    verb.add_argument(
        "--format",
        dest="text_format",
        choices=("gdb", "mi", "perf", "folded"),
        default="",
        help="what the text is (default: its first lines tell)",
    )
    verb.add_argument(
        "--out", type=path, metavar="DIR", help="output folder (default: callchain-import- and the name)"
    )
    verb.add_argument("--force", action="store_true", help="replace a recording in the output folder")
    verb.add_argument("--name", default="", metavar="TEXT", help="what to call it (default: the file's name)")


def add_show(verbs: Verbs) -> None:
    """The verb `show`."""
    verb = add_verb(
        verbs, "show", "print the recorded backtraces as gdb does",
        "  analyze show callchain-qemu-7.2.22-startup\n"
        "  analyze show callchain-qemu-7.2.22-startup qemu_init_vcpu\n"
        "  analyze show callchain-qemu-7.2.22-startup --pointers\n"
        "  analyze show reference:1.6.0",
    )  # fmt: skip
    verb.add_argument("recording", type=path, metavar="RECORDING", help="a recording.jsonl or its folder")
    verb.add_argument(
        "function", nargs="?", default="", metavar="FUNC", help="only stops in this function or at this milestone"
    )
    instead = verb.add_mutually_exclusive_group()
    instead.add_argument("--pointers", action="store_true", help="who set the function pointers, instead")
    instead.add_argument("--ioctls", action="store_true", help="every ioctl on KVM's descriptors, instead")
    instead.add_argument("--accesses", action="store_true", help="the guest's accesses (of analyze io), instead")


def add_graph(verbs: Verbs) -> None:
    """The verb `graph`."""
    verb = add_verb(
        verbs, "graph", "merge recordings of one build into a call graph",
        "  analyze graph run1 run2 -o graph.json\n  analyze graph run1 -o graph.svg",
    )  # fmt: skip
    verb.add_argument(
        "recordings", nargs="+", type=path, metavar="RECORDING", help="a recording.jsonl or its folder"
    )
    verb.add_argument(
        "-o",
        "--output",
        required=True,
        type=path,
        metavar="FILE",
        help="the suffix chooses: .json .dot .svg .graphml",
    )


def add_report(verbs: Verbs) -> None:
    """The verb `report`."""
    verb = add_verb(
        verbs, "report", "write the HTML report again; needs neither gdb nor QEMU",
        "  analyze report callchain-qemu-7.2.22-startup -o report.html\n"
        "  analyze report graph.json -o report.html",
    )  # fmt: skip
    verb.add_argument(
        "sources",
        nargs="+",
        type=path,
        metavar="RECORDING|GRAPH",
        help="recordings or graph.json files of one build",
    )
    verb.add_argument("-o", "--output", required=True, type=path, metavar="FILE", help="the HTML file")


def add_paths(verbs: Verbs) -> None:
    """The verb `paths`."""
    verb = add_verb(verbs, "paths", "tell which chains of calls lead from one function to another", PATHS_EXAMPLES)
    verb.add_argument(
        "source",
        type=path,
        metavar="GRAPH",
        help="a graph.json, a recording.jsonl, its folder, or reference:1.6.0",
    )
    add_query_options(verb)
    how_many = verb.add_mutually_exclusive_group()
    how_many.add_argument(
        "--limit", type=positive_int, default=20, metavar="N", help="show the first N paths (default: 20)"
    )
    how_many.add_argument(
        "--all",
        dest="limit",
        action="store_const",
        const=None,
        help="show all; the search is cut off, and says so, when it takes too many steps",
    )
    verb.add_argument("-o", "--output", type=path, metavar="FILE", help="write it there: .txt .json .dot .svg")
    verb.usage = "analyze paths GRAPH --from PATTERN --to PATTERN [options]"
