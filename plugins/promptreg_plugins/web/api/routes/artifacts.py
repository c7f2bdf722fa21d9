"""Files that a job wrote. What is in them came from models: it gets no origin to act in."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import Path, Request, Response

from promptreg_plugins.web.api.middleware.headers import REPORT_POLICY
from promptreg_plugins.web.service import Service

__all__ = ["ArtifactName", "artifact_response"]

_KINDS = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}


class ArtifactName:
    """How routes say what files there are."""

    Parameter = Annotated[
        str,
        Path(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,60}(\.[A-Za-z0-9]{1,10}){1,2}$",
            max_length=90,
            description="One of the job's `artifacts`.",
            examples=["report.html"],
        ),
    ]
    responses: dict[int | str, dict[str, Any]] = {  # noqa: RUF012 - read, never changed
        200: {
            "description": "The file.",
            "content": {
                kind.split(";")[0]: {"schema": {}}
                for kind in (*_KINDS.values(), "application/octet-stream")
            },
        },
        304: {"description": "The file is still the one of the ETag that was sent."},
    }


async def artifact_response(job_id: str, name: str, request: Request, service: Service) -> Response:
    """Return a file; HTML is bound to a sandbox, everything else is never taken for HTML."""
    content = await service.artifact(job_id, name)
    end = name.rpartition(".")[2]
    digest = await asyncio.to_thread(hashlib.sha256, content)
    tag = f'"{digest.hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Security-Policy": REPORT_POLICY
        if end == "html"
        else "default-src 'none'; sandbox",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    kind = _KINDS.get(end, "application/octet-stream")
    return Response(content, media_type=kind, headers=headers)
