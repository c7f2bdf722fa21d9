"""What a job wrote, as files: the reports and the log."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from promptreg_plugins.web.service import Service

__all__ = ["add"]

_TYPES = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
_REPORT_POLICY = "sandbox allow-scripts"
"""The report's own policy lets its script in by hash; in a sandbox it has no origin, so nothing
in it could act for who reads it."""


def add(router: APIRouter, service: Service) -> None:
    """Add the files of jobs."""

    @router.get("/jobs/{job_id}/files/{name}")
    async def file(job_id: str, name: str, request: Request) -> Response:
        content = await service.artifact(job_id, name)
        end = name.rpartition(".")[2]
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        if end == "html":
            headers["Content-Security-Policy"] = _REPORT_POLICY
        kind = _TYPES.get(end, "application/octet-stream")
        if "download" in request.query_params or end not in _TYPES:
            headers["Content-Disposition"] = f'attachment; filename="{_plain(name)}"'
        return Response(content, media_type=kind, headers=headers)


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name[:80])
