"""The script that the CI templates run, run here for real: a checkout, the toy as QEMU, a server as forge."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from analyzer.commands.ci import template
from tests.compare.conftest import Checkout, Done, Toy, analyze, surroundings
from tests.compare.forge import MARKER, TOKEN, running
from tests.conftest import need_tool
from tests.support.debuginfod_server import free_port

FILES = {"diff.txt", "diff.md", "diff.html", "diff.json", "diff.sarif", "junit.xml", "gitlab.json"}


class Job:
    """A checkout with the script, and what it wrote."""

    def __init__(self, folder: Path, toy: Toy) -> None:
        self.folder, self.toy = folder, toy
        self.out = folder / "callchain-ci"
        (folder / "callchain.sh").write_text(template("script"))

    def run(self, *variations: str, arguments: tuple[str, ...] = (), **environment: str) -> Done:
        return self.run_with(self.toy(*variations), arguments, **environment)

    def run_with(self, qemu: Path, arguments: tuple[str, ...] = (), **environment: str) -> Done:
        done = subprocess.run(
            ["sh", "callchain.sh", *arguments],
            cwd=self.folder,
            env={**surroundings(), "QEMU": str(qemu), **environment},
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done

    def keep_baseline(self) -> None:
        """What a person does who wants what was recorded."""
        shutil.copytree(self.out / "baseline", self.folder / "callchain-baseline", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def first(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Done]:
    """The first job of a project, which has no baseline yet."""
    job = Job(tmp_path_factory.mktemp("first"), toy)
    return job, job.run()


@pytest.fixture
def job(checkout: Checkout, toy: Toy, first: tuple[Job, Done]) -> Job:
    """A later job: what the first one recorded is the baseline."""
    shutil.copytree(first[0].out / "baseline", checkout.folder / "callchain-baseline")
    return Job(checkout.folder, toy)


def test_without_a_baseline_it_cannot_be_compared_and_one_to_begin_with_is_made(first):
    job, done = first
    assert done.returncode == 3
    assert "has no baseline" in done.stderr
    assert "qemu-9.1-default-own.txt: commit it to callchain-baseline/" in done.stderr
    assert {path.name for path in job.out.iterdir()} == {"recording", "baseline"}


def test_the_same_program_is_the_same(job):
    done = job.run()
    assert (done.returncode, "No change that counts" in done.stdout) == (0, True)
    assert {path.name for path in job.out.iterdir()} == FILES | {"recording", "baseline"}


def test_a_change_is_told_in_every_format_and_is_the_exit_status(job):
    done = job.run("EXTRA")
    assert done.returncode == 1
    assert "qdev_realize" in done.stdout
    assert "commit callchain-ci/baseline/ as callchain-baseline/" in done.stderr
    for name in FILES - {"diff.txt"}:
        assert "qdev_realize" in (job.out / name).read_text(), name
    assert json.loads((job.out / "gitlab.json").read_text())
    job.keep_baseline()
    assert job.run("EXTRA").returncode == 0
    assert job.run("EXTRA", CALLCHAIN_FAIL_ON="nonsense").returncode == 2


def test_an_allowed_change_does_not_fail_and_a_broken_rule_does(job):
    allow = job.folder / "callchain-baseline" / "allow.toml"
    allow.write_text('[[allow]]\nchange = "inserted"\nsubject = "qdev_realize"\nreason = "wanted"\n')
    assert job.run("EXTRA").returncode == 0
    other = job.folder / "rules.toml"
    other.write_text('[[must]]\nrule = "main must not reach kvm_cpu_exec"\nreason = "a try"\n')
    assert job.run(CALLCHAIN_ALLOW="rules.toml").returncode == 1


def test_something_else_than_the_baseline_can_be_compared_with(job, toy, tmp_path):
    before = tmp_path / "before"
    analyze("startup", "--qemu", toy("EXTRA"), "--out", before)
    assert job.run(CALLCHAIN_AGAINST=str(before)).returncode == 1
    assert job.run("EXTRA", CALLCHAIN_AGAINST=str(before)).returncode == 0


def test_a_qemu_that_cannot_be_recorded_is_no_difference(job, tmp_path):
    job.out.mkdir()
    (job.out / "diff.md").write_text("of a run before")
    dies = job.run("DIES")
    assert (dies.returncode, "this commit dies" in dies.stderr) == (3, True)
    assert not FILES & {path.name for path in job.out.iterdir()}
    assert job.run_with(tmp_path / "no-such-qemu").returncode == 3
    stuck = job.run("STUCK", CALLCHAIN_TIMEOUT="1")
    assert stuck.returncode in (1, 3)  # never 0
    assert "the recording is incomplete" in stuck.stderr
    assert "if the change is intended" not in stuck.stderr


def test_arguments_are_for_qemu_and_the_folders_can_be_chosen(job):
    names = {"CALLCHAIN_OUT": "my results", "CALLCHAIN_BASELINE": "my baselines"}
    two = ("-smp", "2")
    assert job.run(arguments=two, **names).returncode == 3
    assert '"-smp", "2"' in (job.folder / "my results" / "recording" / "recording.jsonl").read_text()
    shutil.copytree(job.folder / "my results" / "baseline", job.folder / "my baselines")
    assert job.run(arguments=two, **names).returncode == 0
    assert job.run(**names).returncode == 3  # another machine has a baseline of its own


def test_a_job_of_github_gets_a_summary_annotations_and_one_comment(job, tmp_path):
    summary = tmp_path / "summary.md"
    with running() as forge:
        github = forge.on_github(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))
        assert job.run(**github).returncode == 0
        assert forge.comments == []  # nothing differs: nobody is bothered
        done = job.run("EXTRA", **github)
        assert done.returncode == 1
        assert "::error" in done.stdout or "::warning" in done.stdout
        assert len(forge.comments) == 1
        assert forge.comments[0]["body"].startswith(f"{MARKER}\n")
        assert "qdev_realize" in forge.comments[0]["body"]
        assert job.run(**github).returncode == 0
        assert len(forge.comments) == 1
        assert "qdev_realize" not in forge.comments[0]["body"]
    assert "qdev_realize" in summary.read_text()


def test_a_comment_that_cannot_be_written_leaves_the_comparison_as_it_is(job):
    with running() as forge:
        forge.trouble["POST"] = 500
        assert job.run("EXTRA", **forge.on_gitlab()).returncode == 1
        forge.trouble["GET"] = 500
        assert job.run(**forge.on_gitlab()).returncode == 0
        before = len(forge.asked)
        assert job.run("EXTRA", **forge.on_gitlab(CALLCHAIN_COMMENT="no")).returncode == 1
        assert len(forge.asked) == before


def test_what_is_recorded_does_not_see_the_tokens(job, tmp_path):
    seen = tmp_path / "environment"
    spy = tmp_path / "analyze"
    spy.write_text(f'#!/bin/sh\n[ "$1" != startup ] || env >{seen}\nexit 3\n')
    spy.chmod(0o755)
    with running() as forge:
        job.run(ANALYZE=str(spy), **{**forge.on_github(), **forge.on_gitlab()})
    assert "QEMU=" in seen.read_text()
    assert TOKEN not in seen.read_text()


def test_the_verb_prints_the_script_that_was_run_here():
    assert analyze("ci", "script").stdout == template("script")


@pytest.mark.parametrize(
    ("wanted", "words"), [("no", "give --debuginfod or --yes"), ("yes", "Connection refused")]
)
def test_debug_information_is_downloaded_in_a_job_that_says_so(wanted, words, toy, tmp_path):
    need_tool("debuginfod-find")
    stripped = tmp_path / "qemu"
    subprocess.run([need_tool("strip"), "-o", stripped, toy()], check=True)
    environment = {
        "DEBUGINFOD_URLS": f"http://127.0.0.1:{free_port()}",
        "DEBUGINFOD_CACHE_PATH": str(tmp_path / "c"),
    }
    done = Job(tmp_path, toy).run_with(stripped, CALLCHAIN_DEBUGINFOD=wanted, **environment)
    assert done.returncode == 3
    assert words in done.stderr
