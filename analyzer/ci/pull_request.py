"""Finds the pull request of a CI job in its environment, and the URLs of the API for its comments. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from analyzer.errors import UsageError

_GITHUB_API = "https://api.github.com"


@dataclass(frozen=True, kw_only=True)
class PullRequestComments:
    """The comments of one pull request: URLs and limits of the API of its code host."""

    name: str  # for messages: `owner/name#12`
    comments: str  # URL to list and create comments
    edit: str  # URL of one comment, without its id
    edit_method: str
    user: str  # URL of the account that owns the token
    headers: Mapping[str, str] = field(repr=False)  # contains the token; never printed
    max_length: int  # characters, limit of a comment
    job_url: str  # URL of the run of the job, "" when unknown


@dataclass(frozen=True)
class NoPullRequest:
    """No comment can be posted: `reason` is a sentence; `warning`: the configuration of the job prevents it."""

    reason: str
    warning: bool = False


def pull_request_comments(environment: Mapping[str, str], event: str) -> PullRequestComments | NoPullRequest:
    """The pull request of this job, or the reason why there is none.

    `environment`: the variables of the job. `event`: the content of the file GITHUB_EVENT_PATH, or "".
    UsageError when a variable has an invalid value.
    """
    if environment.get("GITHUB_REPOSITORY"):
        return _on_github(environment, event)
    if environment.get("CI_PROJECT_ID"):
        return _on_gitlab(environment)
    return NoPullRequest("Not a job of GitHub or GitLab: no comment is posted.")


def _on_github(environment: Mapping[str, str], event: str) -> PullRequestComments | NoPullRequest:
    number = _pull_request_number(event) or _first_group(r"refs/pull/(\d+)/", environment.get("GITHUB_REF", ""))
    if not number:
        return NoPullRequest("This job has no pull request: no comment is posted.")
    token = _token(environment, "GITHUB_TOKEN")
    if not token:
        return NoPullRequest("No token to comment with: pass GITHUB_TOKEN to the step.", warning=True)
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
        max_length=65_000,  # GitHub allows 65536
        job_url=f"{server}/{repository}/actions/runs/{run}" if server and run else "",
    )


def _on_gitlab(environment: Mapping[str, str]) -> PullRequestComments | NoPullRequest:
    if not environment.get("CI_MERGE_REQUEST_IID"):
        return NoPullRequest("This job has no merge request: no comment is posted.")
    token = _token(environment, "CALLCHAIN_TOKEN", "GITLAB_TOKEN")
    if not token:
        return NoPullRequest(
            "No token to comment with: set the project variable CALLCHAIN_TOKEN to an access token of scope api; "
            "the token of a job has no permission to comment.",
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
        max_length=900_000,  # GitLab allows a million
        job_url=environment.get("CI_JOB_URL", ""),
    )


def _pull_request_number(event: str) -> str:
    """The number of the pull request in the JSON text of a GitHub event; "" when there is none."""
    try:
        number = json.loads(event)["pull_request"]["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return str(number) if type(number) is int and number > 0 else ""


def _first_group(pattern: str, text: str) -> str:
    match = re.match(pattern, text)
    return match[1] if match else ""


def _token(environment: Mapping[str, str], *names: str) -> str:
    """The value of the first variable that is set, without surrounding white space; "" when none is.

    UsageError for characters that an HTTP header cannot have: the HTTP library would print the token.
    """
    name = next((name for name in names if environment.get(name, "").strip()), "")
    token = environment.get(name, "").strip()
    if not re.fullmatch(r"[\x21-\x7e]*", token):
        raise UsageError(f"{name} contains characters that no token has.", "Set it to the token only.")
    return token


def _checked_variable(name: str, environment: Mapping[str, str], pattern: str) -> str:
    if not re.fullmatch(pattern, environment[name], re.ASCII):
        raise UsageError(f"{name} has an invalid value: {environment[name]!r}.", "The CI sets this variable.")
    return environment[name]


def _checked_api_url(name: str, url: str) -> str:
    if not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w./~-]*)?", url, re.ASCII):
        raise UsageError(f"{name} is not an http or https URL: {url!r}.", "The CI sets this variable.")
    return url.rstrip("/")
