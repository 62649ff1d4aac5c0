"""Talks to GitHub and GitLab about one comment. The token goes to the server it is for and is never shown."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from analyzer import TOOL
from analyzer.ci.pull_request import PullRequestComments
from analyzer.errors import AnalyzerError

_TIMEOUT = 30.0  # seconds
_COMMENTS_PER_PAGE = 100  # comments
_MAX_PAGES = 100
_MAX_ANSWER = 1 << 27  # bytes
_DENIED_STATUSES = (401, 403, 404)  # 404: GitHub does not say that there is something one may not see


class PermissionDeniedError(AnalyzerError):
    """The server knows what is wanted, and we may not do it."""


def post(pull_request: PullRequestComments, text: str, update_only: bool = False) -> str:
    """Write the comment, or write it anew where it stands already; returns what was done.

    With `update_only` none is written where none stands.
    `text` begins with the marker. RefusedError when the token does not allow it, AnalyzerError when the server
    does not do its part.
    """
    comment_id = _find_comment(pull_request, text.partition("\n")[0])
    if comment_id is None and update_only:
        return "is not there, and need not be"
    if comment_id is None:
        _send_request(pull_request, "POST", pull_request.comments, {"body": text})
        return "is written"
    _send_request(pull_request, pull_request.edit_method, f"{pull_request.edit}/{comment_id}", {"body": text})
    return "is updated"


def _find_comment(pull_request: PullRequestComments, marker: str) -> int | None:
    """The number of the comment that was written before: the marker is on its first line, and it is ours."""
    account: dict[str, Any] | None = None
    for comment in _comments(pull_request):
        if str(comment.get("body") or "").splitlines()[:1] != [marker]:
            continue
        account = _token_account(pull_request) if account is None else account
        author = comment.get("user") or comment.get("author") or {}  # GitHub, GitLab
        if author.get("id") == account["id"] if account else author.get("type") == "Bot":
            return int(comment["id"])
    return None


def _token_account(pull_request: PullRequestComments) -> dict[str, Any]:
    """The account the token is of; {} for the token of a GitHub job, which may not ask and writes as a bot."""
    try:
        account = _send_request(pull_request, "GET", pull_request.user)
    except PermissionDeniedError:
        return {}
    return account if isinstance(account, dict) and "id" in account else {}


def _comments(pull_request: PullRequestComments) -> Iterator[dict[str, Any]]:
    for page in range(1, _MAX_PAGES + 1):
        found = _send_request(
            pull_request, "GET", f"{pull_request.comments}?per_page={_COMMENTS_PER_PAGE}&page={page}"
        )
        if not isinstance(found, list) or not all(isinstance(comment, dict) for comment in found):
            raise _unexpected_answer(pull_request)
        yield from found
        if len(found) < _COMMENTS_PER_PAGE:
            return


def _send_request(pull_request: PullRequestComments, method: str, url: str, content: object = None) -> Any:
    """What the server answers, decoded."""
    request = urllib.request.Request(
        url,
        None if content is None else json.dumps(content).encode(),
        {"User-Agent": TOOL, "Content-Type": "application/json", **pull_request.headers},
        method=method,
    )
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as response:
            return json.loads(response.read(_MAX_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            raise _error_for_status(pull_request, method, error) from None
    except (ValueError, RecursionError):
        raise _unexpected_answer(pull_request) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", "") or error or type(error).__name__
        raise AnalyzerError(f"{_server(pull_request)} cannot be reached: {reason}.", "Try again.") from None


def _error_for_status(
    pull_request: PullRequestComments, method: str, error: urllib.error.HTTPError
) -> AnalyzerError:
    verb = "read" if method == "GET" else "write"
    subject = f"the comments of {pull_request.name}"
    message = f"{_server(pull_request)} answered {error.code} when we wanted to {verb} {subject}"
    if error.code in _DENIED_STATUSES:
        return PermissionDeniedError(f"{message}: this job may not.", "The job of a fork may only read.")
    if 300 <= error.code < 400:
        return AnalyzerError(f"{message}: it sends us elsewhere, and the token goes nowhere else.")
    return AnalyzerError(f"{message}.", "Try again later.")


def _unexpected_answer(pull_request: PullRequestComments) -> AnalyzerError:
    return AnalyzerError(
        f"{_server(pull_request)} gave an answer that is none of its API.", "Is the address right?"
    )


def _server(pull_request: PullRequestComments) -> str:
    return "/".join(pull_request.comments.split("/")[:3])


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would send the token along to wherever it is sent."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_RefuseRedirects)
