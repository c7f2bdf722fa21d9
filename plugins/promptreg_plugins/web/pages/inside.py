"""What the service is made of: plug-ins, and whether its parts answer."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from promptreg_plugins.web.pages.rendering import render
from promptreg_plugins.web.service import Service

__all__ = ["add"]

_EMPTY = {"kind": "", "name": "", "distribution": "", "problem": ""}


def add(router: APIRouter, service: Service) -> None:
    """Add the page of plug-ins."""

    @router.get("/plugins")
    async def plugins(request: Request) -> Response:
        rows = [{**_EMPTY, **row} for row in await service.plugins()]
        health = await service.healthy()
        return await render(
            request,
            "plugins.html.j2",
            good=[r for r in rows if not r["problem"]],
            broken=[r for r in rows if r["problem"]],
            health=dict(health),
        )
