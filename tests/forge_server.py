"""GitHub and GitLab as their REST APIs show themselves, on a port of this machine.

with ForgeServer() as server:
    server.script.append(Refusal(503))       # the next request is answered so
    ...
    server.comments                          # what stands on the pull request
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

__all__ = ["BOT", "ForgeServer", "Refusal", "comment"]

BOT = "github-actions[bot]"
_IDS = {BOT: 41898282, "project_9_bot": 9, "alice": 7}


@dataclass(slots=True)
class Refusal:
    """An answer that is none.

    Attributes:
        status: of HTTP; 0: the connection is closed without a word.
        message: what the body says.
        headers: of the response.
        after: whether the request is carried out all the same.
        only: the method it applies to.
    """

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False
    only: str = ""


def comment(number: int, login: str, body: str) -> dict[str, Any]:
    """Return a comment as both APIs give it."""
    author = {"login": login, "id": _IDS.get(login, 1), "username": login}
    return {"id": number, "body": body, "user": author, "author": author}


class ForgeServer:
    """Comments of pull request 12 of `team/cameras`, and of merge request 12 of project 9.

    Attributes:
        comments: those that stand, the oldest first.
        requests: method and path of every request.
        tokens: every token that came.
        script: refusals for the next requests.
        login: whose token is used; an app's may not ask for its user.
    """

    def __init__(self, login: str = BOT) -> None:
        self.comments: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.script: list[Refusal] = []
        self.login = login
        self._next = 1000
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def bodies(self) -> list[str]:
        """The texts of all comments of the token's user."""
        return [c["body"] for c in self.comments if c["user"]["login"] == self.login]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        forge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
                pass

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                token = self.headers.get("authorization") or self.headers.get("private-token")
                forge.tokens.add(token or "")
                status, headers, data = forge._reply(self.command, self.path, body)
                if not status:
                    self.close_connection = True
                    return
                text = b"" if status == 204 else json.dumps(data).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

        return Handler

    def _reply(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        parts = urlsplit(path)
        self.requests.append(f"{method} {parts.path}")
        if self.script and self.script[0].only in ("", method):
            refusal = self.script.pop(0)
            if refusal.after:
                self._do(method, parts.path, parts.query, body)
            return refusal.status, refusal.headers, {"message": refusal.message}
        status, data = self._do(method, parts.path, parts.query, body)
        return status, {}, data

    def _do(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Any]:
        if path == "/user":
            if self.login.endswith("[bot]"):
                return 403, {"message": "Resource not accessible by integration"}
            return 200, {"login": self.login, "id": _IDS.get(self.login, 1)}
        top = re.fullmatch(
            r"/repos/team/cameras/issues/12/comments|/projects/9/merge_requests/12/notes", path
        )
        one = re.fullmatch(
            r"/repos/team/cameras/issues/comments/(\d+)"
            r"|/projects/9/merge_requests/12/notes/(\d+)",
            path,
        )
        if top and method == "GET":
            asked = parse_qs(query)
            page, size = int(asked["page"][0]), int(asked["per_page"][0])
            return 200, self.comments[(page - 1) * size : page * size]
        if top and method == "POST":
            text = json.loads(body)["body"]
            if len(text) > 65_536:
                return 422, {"message": "body is too long (maximum is 65536 characters)"}
            self._next += 1
            self.comments.append(comment(self._next, self.login, text))
            return 201, self.comments[-1]
        found = [c for c in self.comments if one and str(c["id"]) in one.groups()]
        if not found:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            self.comments.remove(found[0])
            return 204, None
        found[0]["body"] = json.loads(body)["body"]
        return 200, found[0]
