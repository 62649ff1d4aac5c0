"""`git bisect run analyze bisect` for real: a repository of commits of the toy, real builds, real guests."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.compare.conftest import Checkout, Done, analyze, surroundings
from tests.conftest import ANALYZE

BUILD = ("--build", "sh build.sh", "--qemu", "qemu-toy")
CHECKS = ("--rule", "main must reach kvm_check_extensions")


def bisect(checkout: Checkout, *arguments: object, **environment: str) -> Done:
    return analyze("bisect", *arguments, folder=checkout.folder, **environment)


def found(checkout: Checkout, good: str, bad: str, *arguments: object) -> tuple[str, str]:
    """The commit that `git bisect run` comes to, and all that was said."""
    checkout.git("bisect", "start", bad, good)
    said = checkout.git("bisect", "run", str(ANALYZE), "bisect", *map(str, arguments))
    match = re.search(r"^(\w{40}) is the first bad commit", said, re.MULTILINE)
    assert match, said
    return match[1], said


@pytest.fixture
def history(checkout: Checkout, toy) -> tuple[Checkout, dict[str, str]]:
    """Nine commits: one does not compile, one dies at once, and one changes a chain and leaves a call out."""
    commits = {
        "good": checkout.commit("good"),
        "second": checkout.commit("second"),
        "broken": checkout.commit("broken", "BROKEN"),
        "direct": checkout.commit("direct", "DIRECT"),
        "culprit": checkout.commit("culprit", "DIRECT", "EXTRA", "UNCHECKED"),
        "sixth": checkout.commit("sixth", "DIRECT", "EXTRA", "UNCHECKED", "RENAMED"),
        "dies": checkout.commit("dies", "DIES"),
        "eighth": checkout.commit("eighth", "DIRECT", "EXTRA", "UNCHECKED"),
        "bad": checkout.commit("bad", "EXTRA", "UNCHECKED"),
    }
    return checkout, commits


def test_git_finds_the_commit_that_changed_a_chain(history, tmp_path):
    checkout, commits = history
    assert bisect(checkout, *BUILD, *CHECKS).returncode == 1
    checkout.git("checkout", "-q", commits["good"])
    assert bisect(checkout, *BUILD, *CHECKS, "--keep", tmp_path / "kept").returncode == 0
    (like,) = (tmp_path / "kept").glob("*/graph.json")
    chain = ("--like", like, "--chain", "init-vcpu", "--keep", tmp_path / "kept")
    commit, said = found(checkout, commits["good"], commits["bad"], *BUILD, *chain)
    assert commit == commits["culprit"]
    assert f"bad {commit[:12]}: init-vcpu: The chains diverge after x86_cpu_new: qdev_realize is added" in said
    assert (tmp_path / "kept" / commit[:12] / "report.html").is_file()


def test_git_finds_the_commit_that_broke_a_rule_and_skips_those_that_cannot_be_judged(history):
    checkout, commits = history
    checkout.git("bisect", "start", commits["bad"], commits["good"])
    checkout.git("checkout", "-q", commits["dies"])
    dies = bisect(checkout, *BUILD, *CHECKS)
    assert (dies.returncode, "Its output: toy: this commit dies" in dies.stdout) == (125, True)
    checkout.git("checkout", "-q", commits["broken"])
    broken = bisect(checkout, *BUILD, *CHECKS)
    assert (broken.returncode, "does not build: sh build.sh ended with status 1" in broken.stdout) == (125, True)
    commit, said = found(checkout, commits["good"], commits["bad"], *BUILD, *CHECKS)
    assert commit == commits["culprit"]
    assert "is broken: The recording waited for kvm_check_extensions, which was never reached" in said


def test_git_finds_the_commit_since_which_a_function_is_called(history):
    checkout, commits = history
    rule = ("--rule", "main must not reach qdev_realize")
    commit, said = found(checkout, commits["good"], commits["bad"], *BUILD, *rule)
    assert commit == commits["culprit"]
    assert f"good {commits['direct'][:12]}" in said or f"good {commits['second'][:12]}" in said


def test_reversed_git_finds_the_commit_that_mended_it(checkout, toy):
    checkout.commit("worse", "UNCHECKED")
    first, *_, mended, last = [
        checkout.commit(str(number), *variations)
        for number, variations in enumerate([["UNCHECKED"], ["UNCHECKED"], ["UNCHECKED"], [], []])
    ]
    assert found(checkout, first, last, *BUILD, *CHECKS, "--reverse")[0] == mended


def test_an_incomplete_recording_proves_nothing(checkout, toy):
    checkout.commit("stuck", "STUCK")
    stuck = bisect(checkout, *BUILD, "--rule", "main must reach kvm_cpu_exec", "--timeout", "1")
    assert stuck.returncode == 125
    assert bisect(checkout, *BUILD, "--rule", "main must reach kvm_init", "--timeout", "1").returncode == 0


def test_one_line_says_what_was_decided_and_the_build_speaks_on_standard_error(checkout, toy):
    commit = checkout.commit("good")
    done = bisect(checkout, "--build", "echo compiling && sh build.sh", "--qemu", "qemu-toy", *CHECKS)
    assert done.stdout == f"good {commit[:12]}: “main must reach kvm_check_extensions” holds\n"
    assert "compiling" in done.stderr
    assert checkout.git("status", "--porcelain") == ""


def test_arguments_for_qemu_are_passed_on(checkout, toy, tmp_path):
    checkout.commit("good")
    assert bisect(checkout, *BUILD, *CHECKS, "--keep", tmp_path, "--", "-smp", "2").returncode == 0
    (recording,) = tmp_path.glob("*/recording.jsonl")
    assert '"-smp", "2"' in recording.read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "one of the arguments"),
        ([*BUILD], "needs a question"),
        ([*BUILD, "--rule", "main must"], "expected reach, found the end"),
        ([*BUILD, "--chain", "kvm-init", *CHECKS], "--chain selects chains"),
        ([*BUILD, "--like", "no-such.json"], "no such file"),
        ([*BUILD, "--like", "toy.c"], "no backtrace that can be read"),
        ([*BUILD, *CHECKS, "--timeout", "soon"], "not a positive number"),
        (["--source", ".", "--build", "make", *CHECKS], "--build is for --qemu"),
        (["--build", "no-such-program", "--qemu", "x", *CHECKS], "the shell cannot start this command"),
        (["--build", "true", "--qemu", "no-such-qemu", *CHECKS], "no such file"),
        (["--build", "gcc -pthread -o stripped toy.c", "--qemu", "stripped", *CHECKS], "no debug information"),
        ([*BUILD, *CHECKS, "--guest", "no-such-guest"], "cannot be read"),
        ([*BUILD, *CHECKS, "--", "-accel", "tcg"], "accel"),
    ],
)
def test_what_does_not_lie_in_the_commit_stops_the_bisection(checkout, toy, arguments, complaint):
    checkout.commit("good")
    done = bisect(checkout, *arguments)
    assert complaint in done.stderr
    assert done.returncode == 129


@pytest.mark.parametrize(
    ("started", "said"),
    [
        ({"arguments": "-smp 2"}, "-- -smp 2"),
        ({"accelerator": "tcg"}, "--accel tcg"),
        ({"guest": "disk.img"}, "--guest disk.img"),
        ({"complete": False}, "was not recorded to its end"),
    ],
)
def test_a_graph_of_a_qemu_that_was_started_otherwise_stops_the_bisection(
    checkout, toy, recorded, tmp_path, started, said
):
    checkout.commit("good")
    graph = json.loads((recorded() / "graph.json").read_text())
    graph["provenance"] |= started
    like = tmp_path / "graph.json"
    like.write_text(json.dumps(graph))
    done = bisect(checkout, *BUILD, "--like", like)
    assert said in done.stderr
    assert (done.returncode, done.stdout) == (129, "")


def test_a_host_without_gdb_stops_the_bisection_before_anything_is_built(checkout, toy, tmp_path):
    for tool in ("sh", "git", "setpriv"):
        (tmp_path / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    done = bisect(checkout, "--build", "echo building", "--qemu", "x", *CHECKS, PATH=str(tmp_path))
    assert (done.returncode, "gdb is not installed" in done.stderr) == (129, True)
    assert "building" not in done.stderr


def test_a_reader_that_has_gone_does_not_change_the_answer(checkout, toy):
    checkout.commit("bad", "UNCHECKED")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [ANALYZE, "bisect", *BUILD, *CHECKS],
            cwd=checkout.folder, env=surroundings(), stdout=full, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 1
