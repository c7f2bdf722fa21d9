"""Files that pages load: ours, read once, told apart by their content's hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import Request, Response

from promptreg_plugins import look
from promptreg_plugins.web.problems import NotFoundError

__all__ = ["address_of", "asset"]

_FOLDER = Path(__file__).parent.parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    kind: str
    tag: str


@cache
def _assets() -> dict[str, _Asset]:
    found = {}
    for path in sorted(_FOLDER.iterdir()):
        if path.suffix in _TYPES:
            body = path.read_bytes()
            if path.name == "promptreg.css":
                body = look.style().encode() + body  # one look with the HTML report
            tag = hashlib.sha256(body).hexdigest()[:16]
            found[path.name] = _Asset(body, _TYPES[path.suffix], tag)
    return found


def address_of(name: str) -> str:
    """Return the address of one of our files; another content has another address."""
    return f"/static/{name}?v={_assets()[name].tag}"


async def asset(name: str, request: Request) -> Response:
    """Return one of our files; nothing else is ever read from the disk by a name in a request."""
    known = _assets().get(name)
    if known is None:
        raise NotFoundError(f"no file is called {name[:80]!r}")
    fresh = request.query_params.get("v") == known.tag
    headers = {
        "ETag": f'"{known.tag}"',
        "Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(known.body, media_type=known.kind, headers=headers)
