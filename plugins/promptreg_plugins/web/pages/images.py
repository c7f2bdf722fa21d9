"""Pictures of a scenario, bound so that they can be nothing but pictures."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter, Request, Response

from promptreg_plugins.web.pages.asking import number_of
from promptreg_plugins.web.service import Service

__all__ = ["add"]


def add(router: APIRouter, service: Service) -> None:
    """Add the route of a scenario's images: `?id=` of the scenario, `n=` its place, from 0."""

    @router.get("/suites/{name}/image")
    async def image(name: str, request: Request) -> Response:
        query = request.query_params
        body, kind = await service.image(name, query.get("id", ""), number_of(query, "n", 0, 1_000))
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)
