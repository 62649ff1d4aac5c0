"""The templates, what a job's environment says, and how a comment is cut. No server, no CI."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import analyzer.ci
from analyzer.ci.pull_request import NoPullRequest, pull_request_comments
from analyzer.cli import main
from analyzer.commands import ci as templates
from analyzer.commands.comment import body
from analyzer.errors import UsageError
from reports.ci.markdown import COMMENT_MARKER

GITHUB = {"GITHUB_REPOSITORY": "qemu/qemu", "GITHUB_REF": "refs/pull/12/merge", "GITHUB_TOKEN": "t"}
GITLAB = {
    "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "12", "CALLCHAIN_TOKEN": "t", "CI_API_V4_URL": "https://lab/api/v4",
}  # fmt: skip


def test_a_pull_request_of_github():
    talk = pull_request_comments({**GITHUB, "GITHUB_SERVER_URL": "https://hub", "GITHUB_RUN_ID": "5"}, "")
    assert talk.name == "qemu/qemu#12"
    assert talk.comments == "https://api.github.com/repos/qemu/qemu/issues/12/comments"
    assert talk.job_url == "https://hub/qemu/qemu/actions/runs/5"


def test_a_merge_request_of_gitlab():
    talk = pull_request_comments({**GITLAB, "CI_PROJECT_PATH": "qemu/qemu"}, "")
    assert talk.name == "qemu/qemu!12"
    assert talk.comments == "https://lab/api/v4/projects/7/merge_requests/12/notes"


def test_the_token_is_not_in_what_is_shown_of_a_conversation():
    assert "hidden" not in repr(pull_request_comments({**GITHUB, "GITHUB_TOKEN": "hidden"}, ""))


@pytest.mark.parametrize(
    ("event", "number"),
    [
        ('{"pull_request": {"number": 34}}', "34"),
        ('{"pull_request": {"number": "34"}}', "12"),
        ('{"pull_request": {"number": true}}', "12"),
        ('{"pull_request": null}', "12"),
        ('{"number": 34}', "12"),
        ("[]", "12"),
        ("not JSON", "12"),
        ("[" * 100_000, "12"),
    ],
)
def test_the_event_names_the_pull_request_and_else_the_branch_does(event, number):
    assert pull_request_comments(GITHUB, event).name == f"qemu/qemu#{number}"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {**GITHUB, "GITHUB_REF": "refs/heads/main"},
        {**GITHUB, "GITHUB_TOKEN": " "},
        {**GITLAB, "CI_MERGE_REQUEST_IID": ""},
        {**GITLAB, "CALLCHAIN_TOKEN": "", "CI_JOB_TOKEN": "t"},
    ],
)
def test_elsewhere_there_is_nothing_to_comment_on(environment):
    assert isinstance(pull_request_comments(environment, ""), NoPullRequest)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({**GITHUB, "GITHUB_REPOSITORY": "qemu"}, "GITHUB_REPOSITORY"),
        ({**GITHUB, "GITHUB_REPOSITORY": "../../user#"}, "GITHUB_REPOSITORY"),
        ({**GITHUB, "GITHUB_API_URL": "file:///etc/passwd"}, "GITHUB_API_URL"),
        ({**GITHUB, "GITHUB_API_URL": "https://me@elsewhere"}, "GITHUB_API_URL"),
        ({**GITLAB, "CI_PROJECT_ID": "7/../8"}, "CI_PROJECT_ID"),
        ({**GITLAB, "CI_MERGE_REQUEST_IID": "12?"}, "CI_MERGE_REQUEST_IID"),
        ({**GITLAB, "CI_API_V4_URL": ""}, "CI_API_V4_URL"),
    ],
)
def test_what_cannot_be_is_refused_by_name(environment, name):
    with pytest.raises(UsageError, match=name):
        pull_request_comments(environment, "")


def test_a_comment_that_fits_is_left_alone():
    talk = pull_request_comments(GITHUB, "")
    assert body("short\n", talk) == f"{COMMENT_MARKER}\nshort\n"
    assert body(f"{COMMENT_MARKER}\nshort\n", talk) == f"{COMMENT_MARKER}\nshort\n"


def test_a_comment_that_is_too_long_is_cut_at_a_line_and_says_so():
    talk = pull_request_comments({**GITHUB, "GITHUB_SERVER_URL": "https://hub", "GITHUB_RUN_ID": "5"}, "")
    text = body("".join(f"- line {number}\n" for number in range(20_000)), talk)
    assert talk.max_length - 300 < len(text) <= talk.max_length
    assert text.endswith("\n… more in [the report](https://hub/qemu/qemu/actions/runs/5).\n")
    assert re.search(r"^- line (\d+)\n\n… more", text, re.MULTILINE)


@pytest.mark.parametrize(("opened", "closed"), [("```diff\n", "\n```\n"), ("<details>\n\n", "\n</details>\n")])
def test_what_a_cut_leaves_open_is_closed(opened, closed):
    talk = pull_request_comments(GITHUB, "")
    text = body(f"```\nwhole\n```\n{opened}{'+ line' * 4}\n" + "+ line\n" * 20_000, talk)
    assert closed in text[-200:]
    assert len(text) <= talk.max_length


def test_one_endless_line_leaves_only_the_pointer_to_the_report():
    assert body("x" * 100_000, pull_request_comments(GITHUB, "")) == f"{COMMENT_MARKER}\n\n… more in the report.\n"


CI = Path(analyzer.ci.__file__).parent
TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("github.yml", ["vendor.github-workflows"]),
        ("gitlab.yml", ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_a_template_is_what_the_published_schema_wants(file, schema):
    command = [TOOLS / "check-jsonschema", "--builtin-schema", *schema, CI / file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", ["script", "packages"])
def test_the_scripts_are_posix_sh(script, tmp_path):
    templates.write_template(script, tmp_path / "script.sh")
    subprocess.run(["sh", "-n", tmp_path / "script.sh"], check=True)
    command = [TOOLS / "shellcheck", "--shell=sh", tmp_path / "script.sh"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_script_explains_each_variable_it_heeds():
    head, _, rest = templates.template("script").partition("set -u\n")
    heeded = set(re.findall(r"\$\{(ANALYZE|QEMU|CALLCHAIN_\w+):-", rest))
    assert heeded == set(re.findall(r"^#   (ANALYZE|QEMU|CALLCHAIN_\w+) ", head, re.MULTILINE))


@pytest.mark.parametrize("job", ["github", "gitlab"])
def test_the_jobs_set_only_what_the_script_or_pip_heeds_and_upload_what_it_writes(job):
    text, script = templates.template(job), templates.template("script")
    for name in set(re.findall(r"CALLCHAIN_\w+", text)) - {"CALLCHAIN_PACKAGE", "CALLCHAIN_TOKEN"}:
        assert name in script
    for file in re.findall(r"callchain-ci/([\w.]+)", text):
        assert re.search(rf"^write_as \w+ {re.escape(file)} ", script, re.MULTILINE)


def test_a_template_is_printed_or_written_and_never_over_a_changed_one(tmp_path, capsys):
    assert main(["ci", "github"]) == 0
    assert capsys.readouterr().out == (CI / "github.yml").read_text()
    output = tmp_path / ".github" / "workflows" / "callchain.yml"
    assert main(["ci", "github", "-o", str(output)]) == 0
    assert main(["ci", "github", "-o", str(output)]) == 0
    output.write_text(output.read_text() + "# mine\n")
    assert main(["ci", "github", "-o", str(output)]) == 3
    assert "it is kept" in capsys.readouterr().err
    assert output.read_text().endswith("# mine\n")
