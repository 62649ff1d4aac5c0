"""`analyze diff` and `analyze baseline` on real recordings of the toy: what users see and what CI sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from tests.compare.conftest import FLAGS, TOY, analyze
from tests.conftest import ANALYZE, other_user

DIFFERENT = [
    ("EXTRA", "inserted", "qdev_realize"),
    ("RENAMED", "renamed", "pc_new_cpu"),
    ("DIRECT", "call-kind", "kvm_init"),
]


def changes(old, new):
    """What `analyze diff` says, as (kind, subject), and its exit status."""
    done = analyze("diff", old, new, "--format", "json")
    told = json.loads(done.stdout)
    return [(f["kind"], f["subject"]) for f in told["findings"]], done.returncode


class TestDiff:
    def test_two_recordings_of_one_program_do_not_differ(self, recorded):
        assert changes(recorded(), recorded()) == ([], 0)

    @pytest.mark.parametrize(("variation", "kind", "subject"), DIFFERENT)
    def test_each_variation_is_told_as_what_it_is(self, recorded, variation, kind, subject):
        told, status = changes(recorded(), recorded(variation))
        assert (kind, subject) in told
        assert status == 1
        assert {kind for kind, _ in told} <= {kind, "function-added", "function-removed"}

    def test_a_person_reads_where_the_chains_part(self, recorded):
        done = analyze("diff", recorded(), recorded("EXTRA"))
        assert "The chains diverge after x86_cpu_new: qdev_realize is added" in done.stdout
        assert "Old: " in done.stdout and "QEMU 9.1.0" in done.stdout
        assert "\x1b" not in done.stdout

    @pytest.mark.parametrize("side", ["recording.jsonl", "graph.json", ""])
    def test_a_side_may_be_a_recording_a_graph_or_a_folder(self, recorded, side):
        assert analyze("diff", recorded() / side, recorded("EXTRA")).returncode == 1
        assert analyze("diff", recorded(), recorded() / side).returncode == 0

    @pytest.mark.parametrize("what", ["graph.json", "recording.jsonl", "baseline", "backtraces.txt"])
    def test_a_side_may_come_out_of_a_pipe(self, recorded, tmp_path, what):
        file = recorded() / what
        if what == "baseline":
            analyze("baseline", "update", tmp_path / "b", "--of", recorded())
            (file,) = (tmp_path / "b").iterdir()
        for line in (f"{ANALYZE} diff - {recorded()} < {file}", f"{ANALYZE} diff {recorded()} <(cat {file})"):
            done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def test_a_reader_that_goes_away_does_not_change_the_answer(self, recorded):
        line = f"{ANALYZE} diff {recorded()} {recorded('EXTRA')} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
        assert (done.stdout, done.stderr) == ("1\n", "")

    @pytest.mark.parametrize(
        ("arguments", "status", "complaint"),
        [
            (("missing", "missing"), 3, "no such file"),
            (("/dev/null", "/dev/null"), 3, "/dev/null"),
            (("a", "b", "--fail-on", "renmaed"), 2, "renmaed is no kind of change"),
            (("a", "b", "--format", "yaml"), 2, "yaml"),
            (("a", "b", "-o", "diff.doc"), 2, "no format is known"),
            (("a", "b", "--allow", "missing.toml"), 3, "missing.toml"),
            (("a", "b", "--names", "missing.toml"), 3, "missing.toml"),
            (("a",), 2, "NEW"),
        ],
    )
    def test_what_cannot_be_done_says_so(self, tmp_path, arguments, status, complaint):
        done = analyze("diff", *arguments, folder=tmp_path)
        assert done.returncode == status
        assert complaint in done.stderr

    def test_what_is_accepted_does_not_fail(self, recorded, tmp_path):
        allow = tmp_path / "allow.toml"
        allow.write_text(
            '[[allow]]\nsubject = "qdev_realize"\nreason = "it is wanted"\n'
            '[[must]]\nrule = "main must reach kvm_cpu_exec via x86_cpu_new"\nreason = "or no guest runs"\n'
        )
        done = analyze("diff", recorded(), recorded("EXTRA"), "--allow", allow)
        assert (done.returncode, "it is wanted" in done.stdout) == (0, True)
        broken = analyze("diff", recorded(), recorded("RENAMED"), "--allow", allow)
        assert (broken.returncode, "main must reach kvm_cpu_exec via" in broken.stdout) == (1, True)

    def test_only_what_fails_on_is_asked_for_counts(self, recorded):
        assert analyze("diff", recorded(), recorded("EXTRA"), "--fail-on", "removed").returncode == 0
        assert analyze("diff", recorded(), recorded("EXTRA"), "--fail-on", "removed,inserted").returncode == 1

    def test_an_incomplete_recording_never_passes_for_the_same(self, recorded, toy, tmp_path):
        stuck = tmp_path / "stuck"
        analyze("startup", "--qemu", toy("STUCK"), "--out", stuck, "--timeout", "1", "--no-pointers")
        done = analyze("diff", recorded(), stuck)
        assert done.returncode in (1, 3)
        assert "not comparable" in done.stdout.lower()

    def test_a_file_is_written_whole_and_named(self, recorded, tmp_path):
        for name, begin in (("d.html", "<!doctype html"), ("d.md", "<!-- qemu-callchain"), ("d.sarif", "{")):
            done = analyze("diff", recorded(), recorded("EXTRA"), "-o", name, folder=tmp_path)
            assert done.stdout == f"{name}\n"
            assert (tmp_path / name).read_text().lower().startswith(begin)


class TestBaseline:
    @pytest.fixture
    def folder(self, recorded, tmp_path):
        done = analyze("baseline", "update", "--of", recorded(), folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return tmp_path

    def test_what_is_the_same_passes_and_what_differs_does_not(self, recorded, folder):
        assert analyze("baseline", "check", "--of", recorded(), folder=folder).returncode == 0
        done = analyze("baseline", "check", "--of", recorded("EXTRA"), folder=folder)
        assert (done.returncode, "qdev_realize is added" in done.stdout) == (1, True)

    def test_a_recording_without_a_baseline_does_not_pass(self, recorded, tmp_path):
        done = analyze("baseline", "check", "--of", recorded(), folder=tmp_path)
        assert (done.returncode, "analyze baseline update" in done.stderr) == (3, True)

    def test_output_folders_here_are_found_by_themselves(self, recorded, tmp_path):
        shutil.copytree(recorded(), tmp_path / "out" / "startup")
        assert analyze("baseline", "update", folder=tmp_path).returncode == 0
        assert analyze("baseline", "check", folder=tmp_path).returncode == 0
        assert len(list((tmp_path / "callchain-baseline").iterdir())) == 1

    def test_without_a_recording_it_says_how_to_make_one(self, tmp_path):
        done = analyze("baseline", "check", folder=tmp_path)
        assert (done.returncode, "analyze startup" in done.stderr) == (3, True)

    def test_an_allow_file_beside_the_baselines_is_heeded(self, recorded, folder):
        allow = folder / "callchain-baseline" / "allow.toml"
        allow.write_text('[[allow]]\nsubject = "qdev_realize"\nreason = "it is wanted"\n')
        check = ("baseline", "check", "--of", recorded("EXTRA"))
        assert analyze(*check, folder=folder).returncode == 0
        (folder / "none.toml").write_text("")
        assert analyze(*check, "--allow", "none.toml", folder=folder).returncode == 1

    def test_baselines_nothing_was_compared_with_are_named(self, recorded, folder):
        (folder / "callchain-baseline" / "qemu-1.0-pc-debug.txt").write_text("qemu-callchain baseline 1\n")
        done = analyze("baseline", "check", "--of", recorded(), folder=folder)
        assert (done.returncode, "qemu-1.0-pc-debug.txt was not compared" in done.stderr) == (0, True)
        shutil.copytree(recorded(), folder / "mine")
        assert analyze("baseline", "check", folder=folder).returncode == 3  # all of them were asked for

    def test_of_a_pasted_backtrace_no_baseline_is_made(self, recorded, tmp_path):
        analyze("import", recorded() / "backtraces.txt", "--out", "pasted", folder=tmp_path)
        for more in ((), ("--of", "pasted")):
            assert analyze("baseline", "update", *more, folder=tmp_path).returncode in (2, 3)
        assert not (tmp_path / "callchain-baseline").exists()


def test_a_baseline_is_the_same_for_other_folders_users_and_heaps(toy, tmp_path):
    """Compiled in two folders, recorded from two folders, by two users, with heap and stack laid out otherwise."""
    somebody = other_user()
    toy()
    texts = []
    heaps = ({}, {"MALLOC_TOP_PAD_": "1048576", "MALLOC_MMAP_THRESHOLD_": "4096", "FILLER": "x" * 5000})
    for name, user, heap in zip(("here", "some/where else"), ([], somebody), heaps, strict=True):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        shutil.copy(TOY, folder / "toy.c")
        subprocess.run(["gcc", *FLAGS, "-o", "qemu-toy", "toy.c"], cwd=folder, check=True)
        command = [*user, str(ANALYZE), "startup", "--qemu", "qemu-toy", "--out", "out/startup"]
        environment = {**os.environ, "HOME": str(folder), **heap}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert analyze("baseline", "update", folder=folder).returncode == 0
        texts += [file.read_bytes() for file in (folder / "callchain-baseline").iterdir()]
    assert len(texts) == 2
    assert texts[0] == texts[1]
