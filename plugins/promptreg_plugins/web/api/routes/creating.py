"""Asking for work: once for each idempotency key, however often the request arrives."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Response

from promptreg_plugins.web.api.schemas import JobOut
from promptreg_plugins.web.model import JobRequest, Who
from promptreg_plugins.web.service import Service

__all__ = ["ACCEPTED", "IdempotencyKey", "created"]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body gives the job of the first time; with "
        "another body it is refused. Kept for each token for a week.",
    ),
]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "Queued; it is durable.",
        "headers": {
            "Location": {
                "description": "Where it is to be followed.",
                "required": True,
                "schema": {"type": "string"},
            }
        },
    }
}


async def created(
    wanted: JobRequest,
    key: str | None,
    place: str,
    response: Response,
    service: Service,
    who: Who,
) -> JobOut:
    """Queue a job and say where it is followed."""
    job = await service.submit(wanted, who, key)
    response.headers["Location"] = f"{place}/{job.id}"
    return JobOut.model_validate(job)
