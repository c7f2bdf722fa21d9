"""What the journal remembers: texts, labels, and the moves of aliases."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Decision", "Event", "How", "Labelled", "Moved", "Registered", "content_sha256"]

How: TypeAlias = Literal["promoted", "initial", "rolled_back"]


def content_sha256(engine: str, text: str) -> str:
    """Return the hash (hex) of a version's content; the same as `Template.sha256`."""
    return hashlib.sha256(f"{engine}\n{text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A text became a version.

    Attributes:
        at: ISO 8601 time, UTC.
        by: who.
        commit: HEAD of the repository at that time; empty where there was none.
        template, label: the version's name and its first label.
        sha256: of engine and text (hex).
        engine, variables, text: the version.
        source: where the text came from, for people.
    """

    at: str
    by: str
    commit: str
    template: str
    label: str
    sha256: str
    engine: str
    variables: tuple[str, ...]
    source: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A registered version got another label."""

    at: str
    by: str
    commit: str
    template: str
    label: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate said when an alias was to move.

    Attributes:
        verdict: `pass`, `fail`, `inconclusive` or `not_comparable`.
        exit_code: what the gate exits with.
        reasons: as in reports.
        baseline_run, candidate_run: ids; empty where there was no such run.
        provider: who answered, for people.
        policy_sha256: of the policy that decided.
        report_sha256: of the JSON report, as `-o report.json` writes it; empty without one.
        options: what the command line said besides the suite, such as `--alpha 0.1`.
    """

    verdict: str
    exit_code: int
    reasons: tuple[str, ...]
    baseline_run: str
    candidate_run: str
    provider: str
    policy_sha256: str
    report_sha256: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An alias points to another version.

    Attributes:
        at, by, commit: as in `Registered`.
        how: `promoted` (the gate decided), `initial` (the first, nothing to decide by) or
            `rolled_back`.
        template, alias: which alias of which template.
        from_sha256: where it pointed; empty: nowhere.
        to_sha256, label: where it points now, and the label it was asked for by.
        after: ids of the moves this one follows; several where branches had moved it apart.
        decision: what the gate said; None unless `promoted`.
        override: why it moved although the gate did not pass; empty: it passed.
        reason: why it was rolled back; may be empty.
        id: hash of all the rest (16 hex digits); empty until it is written.
    """

    at: str
    by: str
    commit: str
    how: How
    template: str
    alias: str
    from_sha256: str
    to_sha256: str
    label: str
    after: tuple[str, ...]
    decision: Decision | None
    override: str
    reason: str
    id: str = ""


Event: TypeAlias = Registered | Labelled | Moved
