"""A promotion: its terms, what came of it, and the journal's entry of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from promptreg.errors import ExitCode
from promptreg.journal import Decision, Moved, State
from promptreg.pipeline.templates.who import Now
from promptreg.records import Template
from promptreg.stages.report import dump_json
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison

__all__ = ["Move", "Promotion", "Terms", "event_of"]

_REASONS = 100


@dataclass(frozen=True, slots=True)
class Terms:
    """How a promotion is asked for.

    Attributes:
        alias: which alias.
        label: what the version is called in the registry; None: its own label.
        override: why to move even if the gate does not pass; None: do not.
        initial: take a first version as it is, where no limit is declared.
        dry_run: decide, and move nothing.
    """

    alias: str = "production"
    label: str | None = None
    override: str | None = None
    initial: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """What one template's alias was asked to do; `was` None: it pointed nowhere."""

    template: str
    candidate: Template
    was: Moved | None

    @property
    def there(self) -> bool:
        """Whether the alias points to this very text already."""
        return self.was is not None and self.was.to_sha256 == self.candidate.sha256


@dataclass(slots=True)
class Promotion:
    """What came of it.

    Attributes:
        terms: as asked.
        moves: one per template.
        comparison: what the gate saw; None where nothing was asked.
        refused: why nothing could be compared; empty: it could.
        moved: whether the aliases moved (or would have, in a dry run).
        limits: whether there are absolute limits, where a first version needs them.
        passed: whether the gate passed what it was asked about.
        overridden: whether they moved although the gate did not pass, or had nothing to decide by.
        exit_code: 0 where they moved, or had nothing to do; else the gate's.
    """

    terms: Terms
    moves: tuple[Move, ...]
    comparison: Comparison | None = None
    refused: str = ""
    moved: bool = False
    limits: bool = False
    passed: bool = False
    overridden: bool = False
    exit_code: ExitCode = ExitCode.OK


def event_of(
    promotion: Promotion,
    move: Move,
    latest: State,
    now: Now,
    given: tuple[str, ...],
) -> Moved:
    """Return one template's move for the journal, with what it was decided by.

    Args:
        promotion: what was decided.
        move: of one template.
        latest: the journal as it is now.
        now: when, by whom, at which commit.
        given: what the command line said besides the suite.
    """
    terms = promotion.terms
    undecided = move.was is None and not promotion.limits
    alias = latest.alias(move.template, terms.alias)
    return Moved(
        at=now.at,
        by=now.by,
        commit=now.commit,
        how="initial" if undecided else "promoted",
        template=move.template,
        alias=terms.alias,
        from_sha256=move.was.to_sha256 if move.was else "",
        to_sha256=move.candidate.sha256,
        label=move.candidate.label,
        after=tuple(head.id for head in alias.heads) if alias else (),
        decision=None if undecided else _decision(given, promotion, move.template),
        override="" if promotion.passed and not undecided else (terms.override or "").strip(),
        reason="",
    )


def _decision(given: tuple[str, ...], promotion: Promotion, template: str) -> Decision:
    comparison = promotion.comparison
    if comparison is None:
        return Decision(
            verdict="not_comparable",
            exit_code=int(ExitCode.NOT_COMPARABLE),
            reasons=(one_line(promotion.refused, 1_000),),
            baseline_run="",
            candidate_run="",
            provider="",
            policy_sha256="",
            report_sha256="",
            options=given,
        )
    reasons = [one_line(reason, 1_000) for reason in comparison.gate.reasons]
    more = len(reasons) - _REASONS
    return Decision(
        verdict=comparison.gate.verdict.value,
        exit_code=int(comparison.gate.exit_code),
        reasons=(*reasons[:_REASONS], *((f"and {more} more reasons",) if more > 0 else ())),
        baseline_run=comparison.baseline.run_ids.get(template, ""),
        candidate_run=comparison.candidate.run_ids.get(template, ""),
        provider=one_line(comparison.provider, 500),
        policy_sha256=comparison.policy_sha256,
        report_sha256=hashlib.sha256(dump_json(comparison).encode()).hexdigest(),
        options=given,
    )
