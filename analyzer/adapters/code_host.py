"""Posts one comment through the REST API of GitHub or GitLab.

The token is sent only to the server that issued it, and is in no message.
"""

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
_DENIED_STATUSES = (401, 403, 404)  # GitHub answers 404 for what the token may not see


class PermissionDeniedError(AnalyzerError):
    """The server denies the request: the token lacks a permission (status 401, 403 or 404)."""


def post(pull_request: PullRequestComments, text: str, update_only: bool = False) -> str:
    """Create the comment, or replace the text of the comment that was created before.

    `text` is Markdown; its first line is the marker by which the comment is found again. With `update_only` no
    comment is created. Returns what was done, as the end of a sentence: "is created".
    Raises PermissionDeniedError when the token does not allow it, AnalyzerError when the server cannot be
    reached or fails.
    """
    comment_id = _find_comment(pull_request, text.partition("\n")[0])
    if comment_id is None and update_only:
        return "does not exist, and --update-only creates none"
    if comment_id is None:
        _send_request(pull_request, "POST", pull_request.comments, {"body": text})
        return "is created"
    _send_request(pull_request, pull_request.edit_method, f"{pull_request.edit}/{comment_id}", {"body": text})
    return "is updated"


def _find_comment(pull_request: PullRequestComments, marker: str) -> int | None:
    """The id of the comment that starts with the line `marker` and is by our account; None without one."""
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
    """The account that owns the token; {} for the token of a GitHub job, which cannot query it and is a bot's."""
    try:
        account = _send_request(pull_request, "GET", pull_request.user)
    except PermissionDeniedError:
        return {}
    return account if isinstance(account, dict) and "id" in account else {}


def _comments(pull_request: PullRequestComments) -> Iterator[dict[str, Any]]:
    """All comments of the pull request, oldest first, page by page."""
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
    """Send `content` as JSON and return the JSON value of the answer.

    Raises PermissionDeniedError or AnalyzerError.
    """
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
    message = f"{_server(pull_request)} answered {error.code} to a request to {verb} {subject}"
    if error.code in _DENIED_STATUSES:
        return PermissionDeniedError(f"{message}: permission denied.", "The job of a fork has read access only.")
    if 300 <= error.code < 400:
        return AnalyzerError(f"{message}: it redirects, and the token is not sent to another server.")
    return AnalyzerError(f"{message}.", "Try again later.")


def _unexpected_answer(pull_request: PullRequestComments) -> AnalyzerError:
    return AnalyzerError(
        f"{_server(pull_request)} sent an answer that its API does not define.", "Check the address of the API."
    )


def _server(pull_request: PullRequestComments) -> str:
    """Scheme and host of the API, as in `https://api.github.com`."""
    return "/".join(pull_request.comments.split("/")[:3])


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would send the token to the new address too."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse every redirect; urllib then raises HTTPError."""


_OPENER = urllib.request.build_opener(_RefuseRedirects)
