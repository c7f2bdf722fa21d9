"""What the template registry tells a history: where aliases point, and every move of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from promptreg.errors import PromptregError
from promptreg.journal import Moved, State
from promptreg.past import Origin, PastComparison, PastEvent, PastTemplate, Record
from promptreg.records import Template
from promptreg.stages.load import template_of
from promptreg.stages.render import compile_template

__all__ = ["CANDIDATE", "Aliases", "candidates", "moves", "targets"]

CANDIDATE = "candidate"
"""The alias of what was compared last, where the registry has none of this name."""
Aliases = dict[tuple[str, str], PastTemplate]


def targets(state: State) -> Aliases:
    """Return (template, alias) to the version it points to; disputed ones point nowhere."""
    found = {}
    for template, own in state.aliases.items():
        for alias, moved in own.items():
            if moved.disputed:
                continue
            version = state.version(template, moved.now.to_sha256)
            if version is not None:
                found[template, alias] = _past(template_of(version, moved.now.label))
    return found


def moves(state: State, suite: str) -> list[Record]:
    """Return every move of every alias as an event, with the version it led to."""
    return [
        _record(state, suite, move)
        for own in state.aliases.values()
        for alias in own.values()
        for move in alias.moves
    ]


def candidates(record: Record, comparison: PastComparison) -> Iterator[PastTemplate]:
    """Give the versions that a comparison put to the test."""
    tested = {pair[1] for pair in comparison.template_sha256.values()}
    yield from (t for t in record.templates if t.sha256 in tested)


def _record(state: State, suite: str, move: Moved) -> Record:
    version = state.version(move.template, move.to_sha256)
    texts: Sequence[PastTemplate] = ()
    if version is not None:
        texts = (_past(template_of(version, move.label)),)
    event = PastEvent(
        id=move.id,
        suite=suite,
        template=move.template,
        kind="rollback" if move.how == "rolled_back" else "promotion",
        created_at=move.at,
        summary=_summary(move),
        facts=_facts(move),
        template_sha256=move.to_sha256,
        origin=Origin(commit=move.commit),
    )
    return Record(suite, (), tuple(texts), None, event)


def _summary(move: Moved) -> str:
    where = f"{move.template}@{move.alias}"
    if move.how == "rolled_back":
        return f"{where} rolled back to {move.label}"
    ways = {True: " (overridden)", False: ""}[bool(move.override)]
    return f"{where} moved to {move.label}{ways}"


def _facts(move: Moved) -> dict[str, str]:
    found = {
        "alias": move.alias,
        "label": move.label,
        "from_sha256": move.from_sha256,
        "to_sha256": move.to_sha256,
        "by": move.by,
        "how": move.how,
        "override": move.override,
        "reason": move.reason,
    }
    if move.decision is not None:
        d = move.decision
        found |= {
            "verdict": d.verdict,
            "exit_code": str(d.exit_code),
            "reasons": "; ".join(d.reasons),
            "baseline_run": d.baseline_run,
            "candidate_run": d.candidate_run,
            "policy_sha256": d.policy_sha256,
            "report_sha256": d.report_sha256,
            "options": " ".join(d.options),
        }
    return {name: text for name, text in found.items() if text}


def _past(template: Template) -> PastTemplate:
    try:
        variables = tuple(sorted(compile_template(template).variables))
    except (PromptregError, AttributeError):
        variables = template.variables
    return PastTemplate(
        name=template.name,
        label=template.label,
        engine=template.engine,
        text=template.text,
        sha256=template.sha256,
        variables=variables,
        source=template.source,
    )
