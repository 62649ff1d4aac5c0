"""A server on loopback that plays the part of GitHub's and GitLab's API that comments need."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MARKER = "<!-- qemu-callchain -->"
TOKEN = "s3cret-token"
_COMMENTS = re.compile(
    r"(/repos/qemu/qemu/issues|/projects/7/merge_requests)/12/(comments|notes)\?per_page=(\d+)&page=(\d+)"
)
_ONE = re.compile(r"/repos/qemu/qemu/issues/comments/(\d+)|/projects/7/merge_requests/12/notes/(\d+)")


class Forge(http.server.ThreadingHTTPServer):
    """`comments` is what it has; `asked` the requests as (method, path); `me` whose token it is."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.me: dict[str, Any] | None = {"id": 1, "type": "User"}
        self.trouble: dict[str, int] = {}  # method -> status it is answered with
        self.elsewhere = ""
        self.answer: bytes | None = None  # instead of what would be right

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, body: str, author: int = 1, kind: str = "User") -> int:
        number = 100 + len(self.comments)
        who = {"id": author, "type": kind}
        self.comments.append({"id": number, "body": body, "user": who, "author": who})
        return number

    def on_github(self, **more: str) -> dict[str, str]:
        """The environment of a job for pull request 12."""
        return {
            "GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": "qemu/qemu", "GITHUB_REF": "refs/pull/12/merge",
            "GITHUB_TOKEN": TOKEN, **more,
        }  # fmt: skip

    def on_gitlab(self, **more: str) -> dict[str, str]:
        """The environment of a job for merge request 12."""
        return {
            "CI_API_V4_URL": self.url, "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "12",
            "CALLCHAIN_TOKEN": TOKEN, **more,
        }  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Forge

    def _handle(self) -> None:
        server = self.server
        server.asked.append((self.command, self.path))
        given = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
        server.tokens.append(given)
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else None
        if server.elsewhere:
            self._answer(302, {}, Location=server.elsewhere + self.path)
        elif self.command in server.trouble:
            self._answer(server.trouble[self.command], {"message": "no"})
        elif given.removeprefix("Bearer ") != TOKEN:
            self._answer(401, {"message": "Bad credentials"})
        else:
            self._answer(*self._do(sent))

    do_GET = do_POST = do_PATCH = do_PUT = _handle  # noqa: N815 - as http.server calls them

    def _do(self, sent: Any) -> tuple[int, Any]:
        server = self.server
        if self.path == "/user":
            return (200, server.me) if server.me else (403, {"message": "Resource not accessible by integration"})
        listed = _COMMENTS.fullmatch(self.path)
        if self.command == "GET" and listed:
            size, page = int(listed[3]), int(listed[4])
            return 200, server.comments[(page - 1) * size : page * size]
        if self.command == "POST" and _COMMENTS.fullmatch(self.path + "?per_page=1&page=1"):
            server.add(sent["body"])
            return 201, server.comments[-1]
        one = _ONE.fullmatch(self.path)
        if self.command == ("PATCH" if "/repos/" in self.path else "PUT") and one:
            found = next(comment for comment in server.comments if comment["id"] == int(one[1] or one[2]))
            found["body"] = sent["body"]
            return 200, found
        return 404, {"message": "Not Found"}

    def _answer(self, status: int, content: Any, **headers: str) -> None:
        body = self.server.answer if self.server.answer is not None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[Forge]:
    """A forge while the block lasts."""
    with Forge() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
