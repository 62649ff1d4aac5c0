"""Verbs that compare, and those that bring comparisons into a CI."""

from __future__ import annotations

from pathlib import Path

from analyzer.arguments.bisection import BISECT_EXAMPLES, add_bisect_options
from analyzer.arguments.parser import Verbs, add_verb
from analyzer.arguments.terms import BASELINE_EXAMPLES, COMPARISON_STATUS, DIFF_EXAMPLES, add_output, add_terms
from analyzer.arguments.types import input_name, path, positive


def add_diff(verbs: Verbs) -> None:
    """The verb `diff`."""
    verb = add_verb(
        verbs, "diff", "tell what changed between two QEMUs on the way to the guest",
        f"{DIFF_EXAMPLES}\n\n{COMPARISON_STATUS}",
    )  # fmt: skip
    verb.add_argument("old", type=input_name, metavar="OLD", help="what was: see below")
    verb.add_argument("new", type=input_name, metavar="NEW", help="what is")
    add_terms(verb)
    add_output(verb)


def add_baseline(verbs: Verbs) -> None:
    """The verb `baseline`."""
    verb = add_verb(
        verbs, "baseline", "keep what a QEMU does on the way to the guest in git, and compare with it",
        f"{BASELINE_EXAMPLES}\n\n{COMPARISON_STATUS}",
    )  # fmt: skip
    verb.add_argument(
        "what",
        choices=("update", "check"),
        metavar="update|check",
        help="write the baselines, or compare with them",
    )
    verb.add_argument(
        "folder", nargs="?", type=path, default=Path("callchain-baseline"), metavar="DIR",
        help="where they are (default: callchain-baseline)",
    )  # fmt: skip
    verb.add_argument(
        "--of", dest="recordings", action="append", default=[], metavar="RECORDING",
        help="an output folder, a recording or a graph; may be repeated, as text only "
        "(default: all output folders here and in out/; then each baseline must have one)",
    )  # fmt: skip
    add_terms(verb)
    add_output(verb)


def add_bisect(verbs: Verbs) -> None:
    """The verb `bisect`."""
    verb = add_verb(
        verbs, "bisect", "build and record the commit at hand, and tell git bisect whether it is good",
        BISECT_EXAMPLES,
    )  # fmt: skip
    add_bisect_options(verb)
    verb.add_argument(
        "--timeout", type=positive, default=60.0, metavar="S", help="seconds a recording may take (default: 60)"
    )
    verb.usage = "analyze bisect (--qemu PATH [--build COMMAND] | --source DIR) [options] [-- QEMU ARGS…]"


def add_ci(verbs: Verbs) -> None:
    """The verb `ci`."""
    verb = add_verb(
        verbs, "ci", "print what is ready-made for a CI, or write it into a file",
        "  analyze ci github -o .github/workflows/callchain.yml\n"
        "  analyze ci gitlab -o callchain.gitlab-ci.yml\n"
        "  analyze ci script -o callchain.sh && QEMU=build/qemu-system-x86_64 sh callchain.sh",
    )  # fmt: skip
    verb.add_argument(
        "what",
        choices=("github", "gitlab", "script", "packages"),
        metavar="github|gitlab|script|packages",
        help="a GitHub workflow; a GitLab job; the script that both run; one that installs what they need",
    )
    verb.add_argument("-o", "--output", type=path, metavar="FILE", help="write it there (default: print it)")


def add_comment(verbs: Verbs) -> None:
    """The verb `comment`."""
    verb = add_verb(
        verbs, "comment", "in a CI job: post a Markdown file as one comment on the pull request, kept current",
        "  analyze comment callchain-ci/diff.md\n"
        "  analyze comment callchain-ci/diff.md --name release",
    )  # fmt: skip
    verb.add_argument("file", type=path, metavar="FILE.md", help="what to post")
    verb.add_argument("--update-only", action="store_true", help="where there is no comment yet, write none")
    verb.add_argument(
        "--name", default="", metavar="JOB", help="keep a comment of this job's own, beside those of other jobs"
    )
