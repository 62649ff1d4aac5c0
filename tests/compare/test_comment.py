"""`analyze comment`, as installed, against a server that plays the forges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.compare.conftest import Done, analyze
from tests.compare.forge import MARKER, TOKEN, Forge, running


@pytest.fixture
def forge():
    with running() as server:
        yield server


@pytest.fixture(params=["github", "gitlab"])
def job(request, forge: Forge) -> dict[str, str]:
    return forge.on_github() if request.param == "github" else forge.on_gitlab()


@pytest.fixture
def markdown(tmp_path: Path) -> Path:
    path = tmp_path / "diff.md"
    path.write_text(f"{MARKER}\n### 2 changes\n")
    return path


def comment(markdown: Path, job: dict[str, str], *options: str, status: int = 0) -> Done:
    done = analyze("comment", markdown, *options, **job)
    assert done.returncode == status, done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done


def test_the_comment_is_written_once_and_then_updated_in_place(forge, job, markdown):
    forge.add("what do you think?", author=5)
    assert "12 is created" in comment(markdown, job).stdout
    assert forge.comments[1]["body"] == f"{MARKER}\n### 2 changes\n"
    markdown.write_text("### no change any more\n")
    assert "12 is updated" in comment(markdown, job).stdout
    assert [c["body"] for c in forge.comments[1:]] == [f"{MARKER}\n### no change any more\n"]


def test_two_jobs_on_one_pull_request_keep_a_comment_each(forge, job, markdown):
    for name in ("callchain: [debug]", "release --> <b>", ""):
        for text in ("first", "then"):
            markdown.write_text(f"{MARKER}\n{name} {text}\n")
            comment(markdown, job, "--name", name)
    assert [each["body"].splitlines() for each in forge.comments] == [
        ["<!-- qemu-callchain callchain-debug- -->", "callchain: [debug] then"],
        ["<!-- qemu-callchain release-b- -->", "release --> <b> then"],
        [MARKER, " then"],
    ]


def test_where_no_comment_stands_none_is_written_when_only_an_update_is_wanted(forge, job, markdown):
    assert analyze("comment", markdown, "--update-only", **job).returncode == 0
    assert forge.comments == []
    forge.add(f"{MARKER}\nold")
    assert analyze("comment", markdown, "--update-only", **job).returncode == 0
    assert forge.comments[0]["body"].endswith("### 2 changes\n")


def test_it_is_found_on_the_second_page(forge, job, markdown):
    for number in range(150):
        forge.add(f"remark {number}", author=5)
    ours = forge.add(f"{MARKER}\nold")
    comment(markdown, job)
    assert len(forge.comments) == 151
    assert forge.comments[ours - 100]["body"].endswith("### 2 changes\n")


def test_what_others_wrote_is_never_touched(forge, job, markdown):
    quoted = forge.add(f"> {MARKER}\n\nwhat is this?")
    pasted = forge.add(f"{MARKER}\nI pasted your comment", author=5)
    comment(markdown, job)
    assert [forge.comments[number - 100]["body"][-5:] for number in (quoted, pasted)] == ["this?", "mment"]
    assert len(forge.comments) == 3


def test_a_job_of_github_that_may_not_ask_who_it_is_knows_itself_for_a_bot(forge, markdown):
    forge.me = None
    forge.add(f"{MARKER}\npasted by a person", author=5)
    ours = forge.add(f"{MARKER}\nold", author=41898282, kind="Bot")
    comment(markdown, forge.on_github())
    assert forge.comments[0]["body"].endswith("person")
    assert forge.comments[ours - 100]["body"].endswith("changes\n")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_job_that_may_not_comment_does_not_fail(forge, job, markdown, method, status):
    forge.trouble[method] = status
    done = comment(markdown, job)
    assert done.stdout.startswith("Warning: ")
    assert f"answered {status}" in done.stdout
    assert forge.comments == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [422, 500, 503])
def test_a_server_in_trouble_is_a_failure(forge, job, markdown, method, status):
    forge.trouble[method] = status
    assert f"answered {status}" in comment(markdown, job, status=3).stderr


def test_an_answer_that_is_none_of_the_api_is_a_failure(forge, job, markdown):
    for answer in (b"<html>", b'{"comments": 0}', b"[3]"):
        forge.answer = answer
        assert "an answer that its API does not define" in comment(markdown, job, status=3).stderr


def test_the_token_goes_nowhere_else(forge, job, markdown):
    with running() as other:
        forge.elsewhere = other.url
        assert "the token is not sent to another server" in comment(markdown, job, status=3).stderr
        assert other.asked == []
    assert set(forge.tokens) <= {TOKEN, f"Bearer {TOKEN}"}


def test_a_server_that_is_not_there_is_a_failure(forge, job, markdown):
    name = next(name for name in job if name.endswith("_URL"))
    done = comment(markdown, {**job, name: "http://127.0.0.1:1"}, status=3)
    assert "cannot be reached" in done.stderr


def test_a_token_with_a_line_end_is_taken_and_one_with_two_lines_is_not_shown(forge, markdown):
    comment(markdown, forge.on_github(GITHUB_TOKEN=TOKEN + "\n"))
    assert len(forge.comments) == 1
    assert "no token" in comment(markdown, forge.on_github(GITHUB_TOKEN=f"{TOKEN}\nX-Other: 1"), status=2).stderr


def test_the_pull_request_is_known_from_the_event_too(forge, markdown, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12}}))
    comment(markdown, forge.on_github(GITHUB_REF="refs/heads/main", GITHUB_EVENT_PATH=str(event)))
    assert len(forge.comments) == 1


@pytest.mark.parametrize("gone", ["GITHUB_TOKEN", "GITHUB_REF", "GITHUB_REPOSITORY"])
def test_where_there_is_nothing_to_comment_on_it_says_so(forge, markdown, gone):
    done = comment(markdown, forge.on_github(**{gone: ""}))
    assert "comment" in done.stdout
    assert done.stdout.startswith("Warning: ") == (gone == "GITHUB_TOKEN")
    assert forge.asked == []


def test_a_file_that_is_not_there_is_a_failure(forge, tmp_path):
    assert "no-such.md cannot be read" in comment(tmp_path / "no-such.md", forge.on_github(), status=3).stderr
