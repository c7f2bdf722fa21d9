"""The service's own tables; the same in SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = [
    "SCHEMA_VERSION",
    "artifacts",
    "events",
    "jobs",
    "keys",
    "meta",
    "metadata",
    "sessions",
    "tokens",
    "workers",
]

SCHEMA_VERSION = 1
"""Raised with every change of these tables; an older service refuses a newer database. A table
that is new is made where it lacks, and an older service does without."""

metadata = sa.MetaData()

meta = sa.Table(
    "promptreg_meta",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.String(200), nullable=False),
)

tokens = sa.Table(
    "promptreg_tokens",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("last_used_at", sa.String(32)),
    sa.Column("revoked_at", sa.String(32)),
)
sa.Index(
    "promptreg_tokens_name",
    tokens.c.name,
    unique=True,
    sqlite_where=tokens.c.revoked_at.is_(None),
    postgresql_where=tokens.c.revoked_at.is_(None),
)

sessions = sa.Table(
    "promptreg_sessions",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("token_id", sa.String(16), sa.ForeignKey(tokens.c.id), nullable=False),
    sa.Column("began_at", sa.String(32), nullable=False),
    sa.Column("used_at", sa.String(32), nullable=False),
)
sa.Index("promptreg_sessions_token", sessions.c.token_id, sessions.c.used_at)

jobs = sa.Table(
    "promptreg_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    # Times are ISO 8601 in UTC with microseconds, so that text sorts as time does.
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("suite", sa.String(200), nullable=False),
    sa.Column("refs", sa.Text, nullable=False),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("started_at", sa.String(32)),
    sa.Column("ended_at", sa.String(32)),
    # Whoever starts a job raises `attempts`; what an earlier starter still writes is refused.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # Raised by every resumption; part of the workflow's id, so that each is queued once.
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
    sa.Column("queued", sa.Integer, nullable=False, server_default="0"),
    sa.Column("cancel", sa.Integer, nullable=False, server_default="0"),
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("planned", sa.Integer),
    sa.Column("cached", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("verdict", sa.String(20)),
    sa.Column("headline", sa.Text),
    sa.Column("exit_code", sa.Integer),
    sa.Column("problem", sa.Text),
    sa.Column("run_ids", sa.Text),
    sa.Column("figures", sa.Text),
)
sa.Index("promptreg_jobs_newest", jobs.c.created_at, jobs.c.id)
sa.Index("promptreg_jobs_suite", jobs.c.suite, jobs.c.created_at)
sa.Index("promptreg_jobs_state", jobs.c.state, jobs.c.created_at)

events = sa.Table(
    "promptreg_events",
    metadata,
    sa.Column("job_id", sa.String(36), sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)

artifacts = sa.Table(
    "promptreg_artifacts",
    metadata,
    sa.Column("job_id", sa.String(36), sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

keys = sa.Table(
    "promptreg_keys",
    metadata,
    sa.Column("by", sa.String(100), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(36), sa.ForeignKey(jobs.c.id), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
sa.Index("promptreg_keys_at", keys.c.at)
sa.Index("promptreg_keys_job", keys.c.job_id)

workers = sa.Table(
    "promptreg_workers",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    # Seconds since 1970 by the database's clock: the clocks of several machines differ.
    sa.Column("seen_at", sa.Float(53), nullable=False),
)
