"""`templates promote`: an alias moves to a version that the gate lets pass."""

from __future__ import annotations

from collections.abc import Sequence

from promptreg.errors import ExitCode, NotComparableError, UsageError
from promptreg.journal import Event, State, check_alias
from promptreg.pipeline.parts import answering, make_scoring, policy_for
from promptreg.pipeline.project import Options, Project
from promptreg.pipeline.templates.decide import Contender, decide
from promptreg.pipeline.templates.given import given_options
from promptreg.pipeline.templates.promotion import Move, Promotion, Terms, event_of
from promptreg.pipeline.templates.register import chosen, registration
from promptreg.pipeline.templates.who import now
from promptreg.stages.load import find_registered, open_journal
from promptreg.verdicts import GateVerdict

__all__ = ["Promotion", "Terms", "promote"]

_MAX_REASON = 1_000


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
                events.append(event_of(promotion, move, latest, circumstances, given))
            return events

        journal.append(make)
    return promotion


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
    terms = promotion.terms
    bare = _undecidable(project, asked, options, promotion)
    if bare or terms.override is not None:
        _check_answers(project, asked)
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


def _undecidable(
    project: Project, asked: Sequence[Move], options: Options, promotion: Promotion
) -> list[Move]:
    """Return the first versions that nothing can decide on; fills in `promotion.limits`.

    They move by the terms alone.

    Raises:
        UsageError: the terms do not fit: a first version needs limits, `initial` or an override.
    """
    terms = promotion.terms
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
    return bare


def _check_answers(project: Project, asked: Sequence[Move]) -> None:
    """Refuse made-up answers where no gate decides.

    Raises:
        UsageError: a provider makes its answers up.
    """
    made_up = [
        project.suite.provider_of(name).use
        for name, provider in answering(project, (move.candidate for move in asked)).items()
        if provider.synthetic
    ]
    if made_up:
        raise UsageError(
            f"provider {made_up[0]}: answers are made up; they can never promote, and "
            "neither --initial nor --override changes that"
        )


def _declares_limits(project: Project, options: Options) -> bool:
    """Return whether the policy, a preset's limits included, can judge a version alone."""
    scoring = make_scoring(project)
    return bool(policy_for(project, scoring, project.every_scenario(), options).limits)
