"""Where a comparison's scenarios lie among each other, by the suite's embedder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from promptreg.errors import PromptregError
from promptreg.pipeline.embed import embed, scenario_texts
from promptreg.pipeline.project import Project
from promptreg.records import ScenarioSet
from promptreg.stages.compare import Change
from promptreg.stages.nearest import flat_map, nearest
from promptreg.verdicts import MapPoint, ScenarioChange, ScenarioMap

__all__ = ["MAX_SCENARIOS", "laid_out"]

MAX_SCENARIOS = 5_000
"""Above this a map is a blot, and a report too large to be sent."""
NEIGHBOURS = 3


def laid_out(
    project: Project,
    scenarios: ScenarioSet,
    changes: Sequence[Change],
    shown: Sequence[ScenarioChange],
) -> tuple[tuple[ScenarioChange, ...], ScenarioMap | None, list[str]]:
    """Return the scenarios with their worsened neighbours, a map, and what a reader must know.

    Decoration: whatever goes wrong here becomes a warning, and no verdict depends on it. A suite
    without an embedder gets neither.

    Args:
        project: the suite.
        scenarios: those that were compared.
        changes: every scenario's change; of several templates the worst counts.
        shown: the scenarios a report carries.
    """
    if project.suite.embedder is None:
        return tuple(shown), None, []
    if len(scenarios.scenarios) > MAX_SCENARIOS:
        return tuple(shown), None, [f"no map: more than {MAX_SCENARIOS:,} scenarios"]
    try:
        vectors = embed(project, scenario_texts(project, scenarios))
    except PromptregError as e:
        return tuple(shown), None, [f"no map of the scenarios: {e}"]
    except Exception as e:  # noqa: BLE001 - a stranger's code; a map must not cost a verdict
        return tuple(shown), None, [f"no map of the scenarios: {type(e).__name__}: {e}"]
    worst: dict[str, float | None] = {}
    for change in reversed(changes):  # the worst come first, so the worst is what stays
        if change.change is not None or change.scenario_id not in worst:
            worst[change.scenario_id] = change.change
    ids = [s.id for s in scenarios.scenarios]
    positions, share = flat_map(vectors)
    points = tuple(
        MapPoint(scenario_id, float(x), float(y), worst.get(scenario_id))
        for scenario_id, (x, y) in zip(ids, positions, strict=True)
        if scenario_id in worst
    )
    worsened = [i for i, name in enumerate(ids) if (worst.get(name) or 0.0) < 0]
    near: dict[str, tuple[tuple[str, float], ...]] = {}
    if len(worsened) > 1:
        places, cosines = nearest(vectors[worsened], vectors[worsened], NEIGHBOURS + 1)
        for row, i in enumerate(worsened):
            others = zip(places[row].tolist(), cosines[row].tolist(), strict=True)
            found = [(ids[worsened[j]], round(float(c), 4)) for j, c in others if j != row]
            near[ids[i]] = tuple(found[:NEIGHBOURS])
    placed = tuple(replace(c, neighbours=near.get(c.scenario_id, ())) for c in shown)
    return placed, ScenarioMap(points, share if np.isfinite(share) else 0.0), []
