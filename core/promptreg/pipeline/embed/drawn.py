"""The map of a suite's scenarios, drawn."""

from __future__ import annotations

from promptreg.errors import UsageError, did_you_mean
from promptreg.pipeline.embed.search import Laid
from promptreg.records import ScenarioSet
from promptreg.stages.report.plots.kinds import map_of_kinds

__all__ = ["NAMED", "attribute_of", "drawn"]

NAMED = 2_000
"""Up to so many scenarios each mark says which one it is."""


def attribute_of(scenarios: ScenarioSet, wanted: str | None) -> str:
    """Return what tells marks apart: the attribute wanted, `scenario_type`, or the first; or "".

    Raises:
        UsageError: no scenario has the attribute.
    """
    names = list(dict.fromkeys(name for s in scenarios.scenarios for name in s.attributes))
    if wanted is not None and wanted not in names:
        raise UsageError(
            f"{scenarios.source}: no scenario has the attribute {wanted!r:.80}"
            f"{did_you_mean(wanted, names)}; there are: {', '.join(names) or 'none'}"
        )
    if wanted is not None:
        return wanted
    return "scenario_type" if "scenario_type" in names else next(iter(names), "")


def drawn(laid: Laid, attribute: str, key: str = "map") -> str:
    """Return the map as a drawing, as `stages.report.plots` make them."""
    rows = laid.scenarios
    return map_of_kinds(
        laid.places,
        [s.attributes.get(attribute) for s in rows],
        attribute,
        laid.shown,
        key,
        ids=[s.id for s in rows] if len(rows) <= NAMED else (),
    )
