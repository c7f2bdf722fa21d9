"""`templates promote`: an alias moves to a version that the gate lets pass."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from promptreg.errors import ExitCode, NotComparableError, UsageError
from promptreg.journal import Decision, Event, Moved, State, check_alias
from promptreg.pipeline.parts import answering, make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.templates.decide import Contender, decide
from promptreg.pipeline.templates.given import given_options
from promptreg.pipeline.templates.register import chosen, registration
from promptreg.pipeline.templates.who import Now, now
from promptreg.records import Template
from promptreg.stages.load import find_registered, open_journal
from promptreg.stages.report import dump_json
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, GateVerdict

__all__ = ["Move", "Promotion", "Terms", "promote"]

_MAX_REASON = 1_000
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


def promote(
    project: Project, ref: str, options: Options, terms: Terms, *, handle_signals: bool = False
) -> Promotion:
    """Gate what a reference names against where the alias points, and move it on a pass.

    With several templates it is one gate over all of them: all move, or none.

    Raises:
        UsageError: the terms contradict the suite or the registry; nothing was asked.
        NotComparableError: the sides cannot be compared, and nothing overrides that.
        ExecutionError: the work was stopped; the alias stays.
    """
    _check(terms, options)
    templates = chosen(project, ref, options, label=terms.label)
    journal = open_journal(project.suite, project.base)
    state = journal.read()
    circumstances = now(project.base)
    moves = []
    for name, template in templates.items():
        _check_alias(project, state, name, terms.alias)
        registration(template, state, circumstances)  # a label that cannot be had costs no call
        alias = state.alias(name, terms.alias)
        moves.append(Move(name, template, None if alias is None else alias.now))
    promotion = Promotion(terms, tuple(moves))
    asked = [m for m in moves if not m.there]
    if not asked:
        return promotion
    given = _decide(project, ref, asked, state, options, promotion, handle_signals)
    if promotion.moved and not terms.dry_run:
        circumstances = now(project.base)

        def make(latest: State) -> list[Event]:
            _check_unmoved(moves, latest, terms.alias)
            events: list[Event] = []
            for move in asked:
                _, event = registration(move.candidate, latest, circumstances)
                events += [event] if event else []
                events.append(_event(promotion, move, latest, circumstances, given))
            return events

        journal.append(make)
    return promotion


def _event(
    promotion: Promotion,
    move: Move,
    latest: State,
    now: Now,
    given: tuple[str, ...],
) -> Moved:
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


def _check(terms: Terms, options: Options) -> None:
    check_alias(terms.alias)
    if options.limit is not None or options.filters:
        raise UsageError(
            "--limit, --filter: a part of the scenarios can never promote; 'promptreg gate' looks "
            "at a part"
        )
    reason = terms.override
    if reason is not None and (not reason.strip() or len(reason) > _MAX_REASON):
        raise UsageError(
            f"--override: {'is empty' if not reason.strip() else 'is too long'}; say why the alias "
            f"shall move although the gate did not pass, in at most {_MAX_REASON:,} characters"
        )
    if terms.initial and reason is not None:
        raise UsageError("--initial and --override exclude each other")


def _check_alias(project: Project, state: State, name: str, alias: str) -> None:
    """Refuse an alias that is a label as well: nobody could tell which of them is meant."""
    if alias in project.suite.templates[name].versions or state.labelled(name, alias):
        raise UsageError(f"--alias {alias}: {name}@{alias} is a version's label; choose another")


def _check_unmoved(moves: Sequence[Move], latest: State, alias: str) -> None:
    for move in moves:
        found = latest.alias(move.template, alias)
        then = () if move.was is None else (move.was.to_sha256,)
        if tuple(dict.fromkeys(h.to_sha256 for h in found.heads) if found else ()) != then:
            raise NotComparableError(
                f"not comparable: {move.template}@{alias} was moved by somebody else while the "
                "gate decided, so the decision is about another baseline; nothing was moved. Run "
                "it again: what was asked is kept"
            )


def _decide(
    project: Project,
    ref: str,
    asked: Sequence[Move],
    state: State,
    options: Options,
    promotion: Promotion,
    handle_signals: bool,
) -> tuple[str, ...]:
    """Fill in what the gate says; returns what the command line said besides the suite."""
    terms, suite = promotion.terms, project.suite
    first = [m for m in asked if m.was is None]
    promotion.limits = bool(first) and _declares_limits(project, options)
    bare = [] if promotion.limits else first
    told = ", ".join(m.template for m in first)
    if bare and not terms.initial and terms.override is None:
        raise UsageError(
            f"{told}: the alias {terms.alias!r} points nowhere, so there is no baseline, and the "
            "suite declares no gate.limits: nothing could decide. Declare limits, or say "
            "--initial to take this version as the starting point"
        )
    if terms.initial and not first:
        raise UsageError(
            f"--initial: the alias {terms.alias!r} points somewhere already; the gate decides"
        )
    if terms.initial and promotion.limits:
        raise UsageError(
            f"--initial: the suite declares gate.limits, and they decide over the first version "
            f"of {told}; --override REASON moves the alias even if they are missed"
        )
    made_up = [
        suite.provider_of(name).use
        for name, provider in answering(project, (move.candidate for move in asked)).items()
        if provider.synthetic
    ]
    if made_up and (bare or terms.override is not None):
        raise UsageError(
            f"provider {made_up[0]}: answers are made up; they can never promote, and "
            "neither --initial nor --override changes that"
        )
    contenders = []
    for move in asked:
        if move in bare:
            continue
        baseline = find_registered(move.template, terms.alias, state) if move.was else None
        contenders.append(Contender(move.candidate, baseline))
    given = given_options(project, options)
    if not contenders:
        promotion.moved = True
        promotion.overridden = terms.override is not None
        return given
    try:
        promotion.comparison = decide(
            project, contenders, (terms.alias, ref), options, handle_signals=handle_signals
        )
    except NotComparableError as e:
        if terms.override is None:
            raise NotComparableError(f"{e}\n{terms.alias!r} stays where it is") from e
        promotion.refused = str(e)
        promotion.moved = promotion.overridden = True
        return given
    gate = promotion.comparison.gate
    passed = gate.verdict is GateVerdict.PASS and not promotion.comparison.synthetic
    promotion.passed = passed
    promotion.moved = passed or terms.override is not None
    promotion.overridden = terms.override is not None and (not passed or bool(bare))
    if not promotion.moved:
        # A policy may let an inconclusive gate exit with 0; an alias it does not move.
        inconclusive = gate.verdict is GateVerdict.INCONCLUSIVE
        promotion.exit_code = ExitCode.INCONCLUSIVE if inconclusive else gate.exit_code
    return given


def _declares_limits(project: Project, options: Options) -> bool:
    """Return whether the policy, a preset's limits included, can judge a version alone."""
    scoring = make_scoring(project)
    return bool(policy_for(project, scoring, project.every_scenario(), options).limits)


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
