"""Idempotency keys: a request that arrives twice makes one job, whichever process it reaches."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from promptreg_plugins.web.model import JobRequest
from promptreg_plugins.web.problems import ConflictError
from promptreg_plugins.web.store.database import now_text
from promptreg_plugins.web.store.tables import keys

__all__ = ["keep_key", "key_job"]

_KEPT = timedelta(days=7)


def key_job(c: sa.Connection, request: JobRequest, by: str, key: str) -> str | None:
    """Return the id of the job that a key stands for; None: it is new, or was forgotten.

    Raises:
        ConflictError: the first request with the key asked for something else.
    """
    mine = (keys.c.by == by) & (keys.c.key == key) & (keys.c.at >= _oldest())
    row = c.execute(sa.select(keys.c.request, keys.c.job_id).where(mine)).first()
    if row is None:
        return None
    if row.request != _digest(request):
        raise ConflictError(
            "this Idempotency-Key came with another request before; use a new one",
            field="Idempotency-Key",
        )
    return str(row.job_id)


def keep_key(c: sa.Connection, request: JobRequest, by: str, key: str, job_id: str) -> None:
    """Keep a key with the job it stands for from now on, and forget those of a week ago."""
    c.execute(keys.delete().where(keys.c.at < _oldest()))
    c.execute(
        keys.insert().values(by=by, key=key, request=_digest(request), job_id=job_id, at=now_text())
    )


def _oldest() -> str:
    return (datetime.now(UTC) - _KEPT).isoformat(timespec="microseconds")


def _digest(request: JobRequest) -> str:
    said = json.dumps(asdict(request), sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()
