"""What the service is told when it starts; nothing of it changes while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["DATABASE_VARIABLE", "Settings"]

DATABASE_VARIABLE = "PROMPTREG_SERVE_DATABASE"
"""Environment variable that holds the database's URL: it may hold a password."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How the service listens, works and keeps what it knows.

    Attributes:
        suites: the suite files that are served; nothing else on the machine is.
        folder: where the service keeps its own files: the embedded database, logs of jobs.
        host, port: where it listens; port 0 takes any that is free.
        database: URL of PostgreSQL (`postgresql+psycopg://...`); empty: SQLite in `folder`.
        workers: jobs at once in this process.
        allowed_hosts: names besides those of the loopback that a request's Host may say.
        insecure_cookies: whether cookies are sent without TLS; only a loopback may ask for it.
        max_body: bytes of a request's body that are read.
        requests_per_minute: of one token or address, before 429; 0: no limit.
        max_queued: jobs that may wait; more are refused.
        log_format: how the service's own log is written to stderr.
        log_level: the least severe level that is written.
        otel: whether traces are sent as the OTEL_* environment variables say.
        lease_s: seconds without a sign of life after which another process takes over the jobs of
            this one.
        grace_s: seconds a job has to stop by itself before it is killed.
        local_admin: a one-time token printed at start, for a service on the loopback that has no
            token yet; empty where it is not wanted. It is never stored.
    """

    suites: tuple[Path, ...]
    folder: Path
    host: str = "127.0.0.1"
    port: int = 8321
    database: str = ""
    workers: int = 2
    allowed_hosts: tuple[str, ...] = ()
    insecure_cookies: bool = True
    max_body: int = 1_000_000
    requests_per_minute: int = 600
    max_queued: int = 1_000
    log_format: Literal["json", "text"] = "text"
    log_level: str = "INFO"
    otel: bool = False
    lease_s: float = 30.0
    grace_s: float = 20.0
    local_admin: str = field(default="", repr=False)
