"""Drawings on a comparison's page."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from promptreg.stages.report.plots.changes import scores_against_ranges
from promptreg.stages.report.plots.forest import forest_of_metrics, forest_of_slices
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Difference, ScenarioChange, Verdict

__all__ = ["forests", "ranges"]

_TEMPLATES, _SLICED, _ROWS = 8, 4, 40


def forests(
    differences: Sequence[Difference], template: str, metric: str, *, several: bool
) -> list[tuple[str, Markup]]:
    """Return every metric by template, and by slice the metric asked for and those accused.

    Args:
        differences: of the comparison.
        template: only this one; empty for all.
        metric: whose slices are drawn whatever they say; empty for none.
        several: whether titles name the template.
    """
    shown = [d for d in differences if template in ("", d.template)]
    whole: dict[str, list[Difference]] = {}
    sliced: dict[tuple[str, str], list[Difference]] = {}
    wanted = set()
    for d in shown:
        if d.slice is None:
            whole.setdefault(d.template, []).append(d)
        elif not (d.gating or d.insufficient):  # too few scenarios: intervals from end to end
            sliced.setdefault((d.template, d.metric), []).append(d)
            if d.metric == metric or d.verdict is Verdict.REGRESSED:
                wanted.add((d.template, d.metric))
    found = []
    for i, (name, rows) in enumerate(list(whole.items())[:_TEMPLATES]):
        rows.sort(key=lambda d: (d.metric != "overall", not d.gating))
        words = one_line(name, 40)
        title = f"{words}: change of every metric" if several else "Change of every metric"
        found.append((title, forest_of_metrics(rows, f"forest{i}", words)))
    for i, key in enumerate(sorted(wanted, key=lambda key: key[1] != metric)[:_SLICED]):
        words = f"{one_line(key[0], 40)}: " if several else ""
        drawn = forest_of_slices(sliced[key][:_ROWS], f"slices{i}")
        found.append((f"{words}{one_line(key[1], 40)} by slice", drawn))
    return [f for f in found if f[1]]


def ranges(
    changes: Sequence[ScenarioChange], labels: tuple[str, str], *, several: bool
) -> list[tuple[str, Markup]]:
    """Return the worst scenarios' risk scores over their expected ranges, by template."""
    groups: dict[str, list[ScenarioChange]] = {}
    for change in changes:
        groups.setdefault(change.template, []).append(change)
    found = [
        (
            f"{one_line(name, 40)}: risk scores" if several else "Risk scores",
            scores_against_ranges(rows, labels, f"ranges{i}"),
        )
        for i, (name, rows) in enumerate(groups.items())
    ]
    return [f for f in found if f[1]]
