"""Scenarios a page at a time, and the runs of a suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from promptreg.pipeline.project import Project
from promptreg.records import Scenario
from promptreg.store.runs import StoredRun, list_runs
from promptreg_plugins.web.engine.suites import ScenarioIndex
from promptreg_plugins.web.engine.telling import plain, told
from promptreg_plugins.web.model import Page, RunInfo, ScenarioRow
from promptreg_plugins.web.problems import InvalidError, NotFoundError

__all__ = ["all_of", "check_where", "one_of", "page_of"]


def page_of(
    found: ScenarioIndex, where: Mapping[str, str], query: str, offset: int, limit: int
) -> Page[ScenarioRow]:
    """Return those with these attribute values whose text holds `query`, in file order.

    Raises:
        InvalidError: no scenario has such an attribute.
    """
    check_where(found, where, "where")
    if not where and not query:
        part = found.all[offset : offset + limit]
        return Page(tuple(map(_row, part)), len(found.all), offset, limit)
    wanted = tuple(where.items())
    sought = query.casefold()
    words = found.words() if sought else None
    kept = [
        s
        for i, s in enumerate(found.all)
        if all(s.attributes.get(k) == v for k, v in wanted)
        and (words is None or sought in words[i])
    ]
    return Page(tuple(map(_row, kept[offset : offset + limit])), len(kept), offset, limit)


def check_where(found: ScenarioIndex, where: Iterable[str], field: str) -> None:
    """Refuse attributes that no scenario has.

    Raises:
        InvalidError: names the field, the attribute and those that there are.
    """
    for name in where:
        if name not in found.attributes:
            raise InvalidError(
                f"no scenario has an attribute {name!r:.120}; there are: "
                f"{', '.join(found.attributes) or 'none'}",
                field=f"{field}.{name:.80}",
            )


def one_of(found: ScenarioIndex, scenario_id: str) -> ScenarioRow:
    """Return one scenario.

    Raises:
        NotFoundError: there is none of this id.
    """
    at = found.at.get(scenario_id)
    if at is None:
        raise NotFoundError(f"no scenario is called {scenario_id!r:.200}")
    return _row(found.all[at])


def all_of(project: Project) -> list[RunInfo]:
    """Return the stored runs, the newest first."""
    with told():
        return [_run(found) for found in list_runs(project.store)]


def _row(scenario: Scenario) -> ScenarioRow:
    return ScenarioRow(
        id=scenario.id,
        attributes=dict(scenario.attributes),
        variables=plain(dict(scenario.variables)),
        ground_truth=plain(dict(scenario.ground_truth)),
        images=tuple(map(str, scenario.images)),
    )


def _run(found: StoredRun) -> RunInfo:
    facts = found.facts
    return RunInfo(
        id=found.id,
        template=facts.template if facts else None,
        label=facts.label if facts else None,
        created_at=_time(facts.created_at) if facts else None,
        scenarios=found.scenarios if facts else None,
        repeats=found.repeats if facts else None,
        failed=found.counts.get("failed") if facts else None,
        partial=facts.partial if facts else None,
        synthetic=facts.synthetic if facts else None,
        problem=found.problem or None,
    )


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
