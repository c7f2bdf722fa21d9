"""The pictures of the page."""

from __future__ import annotations

from typing import Any

from promptreg.stages.report import digest
from promptreg.stages.report.plots.changes import histogram_of_changes, scores_against_ranges
from promptreg.stages.report.plots.failures import KINDS, bars_of_failures
from promptreg.stages.report.plots.forest import forest_of_metrics, forest_of_slices
from promptreg.stages.report.plots.landscape import map_of_scenarios
from promptreg.stages.report.plots.levels import bars_of_levels
from promptreg.stages.report.plots.reliability import reliability
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Curve, Difference, ScenarioChange
from promptreg_plugins import look

__all__ = ["pictures"]

_FORESTS_OF_SLICES = 4


def pictures(c: Comparison, labels: look.Labels) -> dict[str, Any]:
    """Return all drawings with their captions; what has nothing to show is left out."""
    causes = digest.causes(c)
    forests = [
        (one_line(name, 60), forest_of_metrics(rows, f"forest{i}", one_line(name, 60)))
        for i, (name, rows) in enumerate(digest.whole_suite(c).items())
    ]
    sliced = [
        (one_line(template, 60), one_line(metric, 60), forest_of_slices(rows[:40], f"slices{i}"))
        for i, (template, metric, rows) in enumerate(_slice_forests(c))
    ]
    by_template = _by_template(c)
    ranges = [
        (one_line(name, 60), scores_against_ranges(rows, labels, f"ranges{i}"))
        for i, (name, rows) in enumerate(by_template.items())
    ]
    some = _some(c)
    whole = not some
    levels = [
        (one_line(name, 60), bars_of_levels(rows, labels, f"levels{i}"), "Share of scenarios.")
        for i, (name, rows) in enumerate(by_template.items())
        if whole
    ]
    drawn: dict[str, Any] = {
        "map": map_of_scenarios(c.scenario_map, "map") if c.scenario_map else "",
        "curves": [
            (
                f"{one_line(k.template, 40)}: {one_line(k.metric, 40)}",
                reliability(k, labels, f"curve{i}"),
                _read(k),
            )
            for i, k in enumerate(c.curves[:40])
        ],
        "histogram": histogram_of_changes(
            c.changes, c.changes_total, "changes", every=c.all_changes
        ),
        "ranges": [r for r in ranges if r[1]],
        "levels": [r for r in levels if r[1]],
    }
    return {
        **drawn,
        "drawn": any(drawn.values()),
        "histogram_note": "" if c.all_changes else some,
        "forests": [f for f in forests if f[1]],
        "slice_forests": [f for f in sliced if f[2]],
        "failure_bars": bars_of_failures(causes, labels, "failures"),
        "causes": [
            (min(k, KINDS - 1), r.cause, r.baseline, r.candidate, digest.TREATMENTS[r.treatment])
            for k, r in enumerate(causes[:40])
        ],
    }


def _some(c: Comparison) -> str:
    """Return which scenarios the pictures of single ones are about; empty for all."""
    n, total = len(c.changes), max(c.changes_total, len(c.changes))
    return "" if n == total else f"The worst {n:,} of {total:,} scenarios alone."


def _read(curve: Curve) -> str:
    held = [sum(n for _, _, n in side) for side in (curve.baseline, curve.candidate)]
    told = " and ".join(f"{n:,}" for n in dict.fromkeys(held))  # sides of an A/B log are unequal
    return (
        "On the line: as often as stated. Below it: stated too high. "
        f"Larger marks hold more of the {told} trials."
    )


def _by_template(c: Comparison) -> dict[str, list[ScenarioChange]]:
    found: dict[str, list[ScenarioChange]] = {}
    for change in c.changes:
        found.setdefault(change.template, []).append(change)
    return found


def _slice_forests(c: Comparison) -> list[tuple[str, str, list[Difference]]]:
    """Return the metrics worth a plot by slice: the ones with the worst slices first."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    for d in c.differences:
        if d.slice is not None and not d.gating:
            groups.setdefault((d.template, d.metric), []).append(d)
    hurting, _ = digest.hurting_slices(c, 1_000)
    order = list(dict.fromkeys((d.template, d.metric) for d in hurting))
    order += [key for key in groups if key not in order]
    return [(*key, groups[key]) for key in order[:_FORESTS_OF_SLICES]]
