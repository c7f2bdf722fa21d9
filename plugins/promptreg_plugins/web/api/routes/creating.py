"""Asking for work: once for each idempotency key, however often the request arrives."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Header, Request, Response

from promptreg_plugins.web.api.schemas import JobOut
from promptreg_plugins.web.model import Job, JobRequest, Who
from promptreg_plugins.web.problems import ConflictError
from promptreg_plugins.web.service import Service

__all__ = ["ACCEPTED", "IdempotencyKey", "Keys", "created"]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same body gives the job of the first time; with "
        "another body it is refused. Kept for each token while the service runs, the newest "
        "10,000.",
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
_MOST = 10_000


class Keys:
    """Idempotency keys and the jobs they stand for."""

    def __init__(self, most: int = _MOST) -> None:
        self.most = most
        self._kept: OrderedDict[tuple[str, str], tuple[str, asyncio.Future[str]]] = OrderedDict()

    async def submit(self, key: str, wanted: JobRequest, service: Service, who: Who) -> Job:
        """Return the job of the first request with this key; queue it if this is the first.

        Raises:
            ConflictError: the first request asked for something else.
        """
        name = (who.name, key)
        digest = hashlib.sha256(
            json.dumps(asdict(wanted), sort_keys=True, default=str).encode()
        ).hexdigest()
        if name in self._kept:
            first, future = self._kept[name]
            if first != digest:
                raise ConflictError(
                    "this Idempotency-Key came with another request before; use a new one",
                    field="Idempotency-Key",
                )
            return await service.job(await asyncio.shield(future))
        future = asyncio.get_running_loop().create_future()
        self._kept[name] = (digest, future)
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)
        try:
            job = await service.submit(wanted, who)
        except BaseException as error:
            # Refused requests are not kept: the same key may try again.
            self._kept.pop(name, None)
            future.set_exception(
                ConflictError("the first request with this Idempotency-Key was refused; try again")
                if isinstance(error, asyncio.CancelledError)
                else error
            )
            future.exception()  # whether anybody waits for it or not
            raise
        future.set_result(job.id)
        return job


async def created(
    wanted: JobRequest,
    key: str | None,
    place: str,
    request: Request,
    response: Response,
    service: Service,
    who: Who,
) -> JobOut:
    """Queue a job and say where it is followed."""
    keys: Keys = request.app.state.keys
    job = await (keys.submit(key, wanted, service, who) if key else service.submit(wanted, who))
    response.headers["Location"] = f"{place}/{job.id}"
    return JobOut.model_validate(job)
