"""What a CI job's environment says: the pull request it is about, and how comments there are written. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from analyzer.errors import UsageError

MARKER = "<!-- qemu-callchain -->"  # first line of the comment, by which it is found again to be replaced
_NOT_IN_MARKER = re.compile(r"[^\w.+]+")  # for a name in the marker
_GITHUB_API = "https://api.github.com"


@dataclass(frozen=True)
class PullRequestComments:
    """The comments of one pull request, in the terms of its forge's API."""

    name: str  # what to call it: `owner/name#12`
    comments: str  # URL that lists them, and takes new ones
    edit: str  # URL of one of them, without its number
    edit_method: str
    user: str  # URL that says whose token it is
    headers: Mapping[str, str] = field(repr=False)  # the token is here, and nowhere else
    max_length: int  # characters a comment may have
    job_url: str  # URL of the job, "" when unknown


@dataclass(frozen=True)
class NoPullRequest:
    """There is nothing to comment on, or no way to; `warning` when somebody would want to know."""

    reason: str
    warning: bool = False


def marker(name: str) -> str:
    """The first line of the comment of the job of this name; MARKER for ""."""
    return MARKER.replace(" -->", f" {_NOT_IN_MARKER.sub('-', name)} -->") if name else MARKER


def pull_request_comments(environment: Mapping[str, str], event: str) -> PullRequestComments | NoPullRequest:
    """The pull request of this job; `event` is the text of GitHub's file about what set the job off, or "".

    UsageError when the environment says what cannot be.
    """
    if environment.get("GITHUB_REPOSITORY"):
        return _on_github(environment, event)
    if environment.get("CI_PROJECT_ID"):
        return _on_gitlab(environment)
    return NoPullRequest("This is no job of GitHub or GitLab: there is nothing to comment on.")


def _on_github(environment: Mapping[str, str], event: str) -> PullRequestComments | NoPullRequest:
    number = _pull_request_number(event) or _first_group(r"refs/pull/(\d+)/", environment.get("GITHUB_REF", ""))
    if not number:
        return NoPullRequest("This job is not about a pull request: there is nothing to comment on.")
    token = _token(environment, "GITHUB_TOKEN")
    if not token:
        return NoPullRequest("There is no token to comment with: give the step GITHUB_TOKEN.", warning=True)
    repository = _checked_variable("GITHUB_REPOSITORY", environment, r"[\w.-]+/[\w.-]+")
    api = _checked_api_url("GITHUB_API_URL", environment.get("GITHUB_API_URL") or _GITHUB_API)
    server, run = environment.get("GITHUB_SERVER_URL", ""), environment.get("GITHUB_RUN_ID", "")
    return PullRequestComments(
        name=f"{repository}#{number}",
        comments=f"{api}/repos/{repository}/issues/{number}/comments",
        edit=f"{api}/repos/{repository}/issues/comments",
        edit_method="PATCH",
        user=f"{api}/user",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
        max_length=65_000,  # it takes 65536
        job_url=f"{server}/{repository}/actions/runs/{run}" if server and run else "",
    )


def _on_gitlab(environment: Mapping[str, str]) -> PullRequestComments | NoPullRequest:
    if not environment.get("CI_MERGE_REQUEST_IID"):
        return NoPullRequest("This job is not about a merge request: there is nothing to comment on.")
    token = _token(environment, "CALLCHAIN_TOKEN", "GITLAB_TOKEN")
    if not token:
        return NoPullRequest(
            "There is no token to comment with: give the project a variable CALLCHAIN_TOKEN with an access token "
            "of scope api; a job's own token may not comment.",
            warning=True,
        )
    number = _checked_variable("CI_MERGE_REQUEST_IID", environment, r"\d+")
    project = _checked_variable("CI_PROJECT_ID", environment, r"\d+")
    api = _checked_api_url("CI_API_V4_URL", environment.get("CI_API_V4_URL", ""))
    notes = f"{api}/projects/{project}/merge_requests/{number}/notes"
    return PullRequestComments(
        name=f"{environment.get('CI_PROJECT_PATH') or project}!{number}",
        comments=notes,
        edit=notes,
        edit_method="PUT",
        user=f"{api}/user",
        headers={"PRIVATE-TOKEN": token},
        max_length=900_000,  # it takes a million
        job_url=environment.get("CI_JOB_URL", ""),
    )


def _pull_request_number(event: str) -> str:
    """The pull request's number from GitHub's description of the event; "" when there is none."""
    try:
        number = json.loads(event)["pull_request"]["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return str(number) if type(number) is int and number > 0 else ""


def _first_group(pattern: str, text: str) -> str:
    match = re.match(pattern, text)
    return match[1] if match else ""


def _token(environment: Mapping[str, str], *names: str) -> str:
    """The first of the variables that is set. A line end that came along from a file is no part of it."""
    name = next((name for name in names if environment.get(name, "").strip()), "")
    token = environment.get(name, "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", token):  # the HTTP library would show it in its complaint
        raise UsageError(f"{name} holds something that is no token.", "Set it to the token alone.")
    return token


def _checked_variable(name: str, environment: Mapping[str, str], pattern: str) -> str:
    if not re.fullmatch(pattern, environment[name], re.ASCII):
        raise UsageError(f"{name} is {environment[name]!r}: that cannot be.", "It is the CI that sets it.")
    return environment[name]


def _checked_api_url(name: str, url: str) -> str:
    if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w./~-]*)?", url, re.ASCII):
        raise UsageError(f"{name} is {url!r}: that is no web address.", "It is the CI that sets it.")
    return url.rstrip("/")
