"""What a job's page shows of a comparison: parts of the stored JSON report, filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from promptreg.stages.report import digest
from promptreg.stages.report.digest import CauseCount
from promptreg.stages.report.plots.failures import KINDS, bars_of_failures
from promptreg.stages.report.plots.reliability import reliability
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference, Verdict
from promptreg_plugins.look import metric_table, scenario_card
from promptreg_plugins.web.document import comparison_of
from promptreg_plugins.web.pages.pictures import forests, ranges

__all__ = ["View", "Wanted", "view_of", "wanted_of"]

_ROWS = 400


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the table's form asks for.

    Attributes:
        template, metric, verdict: only these; empty for all.
        slice: empty for all scenarios and guards, `*` for every slice, an attribute, or
            `attribute=value`.
        gating: only what gates.
    """

    template: str = ""
    metric: str = ""
    slice: str = ""
    verdict: str = ""
    gating: bool = False

    @property
    def anything(self) -> bool:
        """Whether the table is narrowed or widened at all."""
        return any((self.template, self.metric, self.slice, self.verdict, self.gating))


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Return what an address asks for; a value that nothing has leaves an empty table."""
    names = ("template", "metric", "slice", "verdict")
    return Wanted(**{n: query.get(n, "")[:200] for n in names}, gating="gating" in query)


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the page shows of a finished comparison; all texts are cleaned."""

    labels: tuple[str, str]
    verdict: str
    sentence: str
    reasons: list[str]
    facts: str
    stopping: str
    warnings: list[str]
    synthetic: bool
    table: Markup | None
    shown: int
    total: int
    choices: Mapping[str, Sequence[str]]
    templates: Mapping[str, tuple[str, str]]
    """Template to the hashes of both texts."""
    runs: Mapping[str, tuple[str, str]]
    limits: list[tuple[str, str, str]]
    """What is demanded, what became of it, its tone."""
    forests: list[tuple[str, Markup]]
    causes: list[tuple[int, CauseCount, str]]
    cause_bars: Markup
    ranges: list[tuple[str, Markup]]
    curves: list[tuple[str, Markup]]
    worst: list[tuple[Markup, str, str, str]]
    """Card, scenario, and both runs that hold its trials."""
    scenarios_total: int
    spent: str
    calibration: str
    provenance: list[tuple[str, str]]


def view_of(document: Mapping[str, Any], wanted: Wanted) -> View:
    """Return what is shown of a JSON report.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is no such report.
    """
    c = comparison_of(document)
    labels = one_line(c.baseline.label, 24), one_line(c.candidate.label, 24)
    rows, guards = _chosen(c.differences, wanted)
    runs = _of_both(c.baseline.run_ids, c.candidate.run_ids)
    templates = _of_both(c.baseline.template_sha256, c.candidate.template_sha256)
    causes = digest.causes(c)[:40]
    several = len(c.baseline.template_sha256) > 1
    return View(
        labels=labels,
        verdict=str(c.gate.verdict),
        sentence=digest.sentence(c),
        reasons=digest.because(c, 20),
        facts=". ".join([digest.facts(c), *digest.compared(c)]),
        stopping=digest.stopping(c),
        warnings=[one_line(w, 500) for w in c.warnings[:30]],
        synthetic=c.synthetic,
        table=_table(rows, guards, labels, wanted, several=several),
        shown=min(len(rows) + len(guards), _ROWS),
        total=len(rows) + len(guards),
        choices=_choices(c.differences),
        templates=templates,
        runs=runs,
        limits=_limits(c, several=several),
        forests=forests(c.differences, wanted.template, wanted.metric, several=several),
        causes=[
            (min(k, KINDS - 1), r, digest.TREATMENTS[r.treatment]) for k, r in enumerate(causes)
        ],
        cause_bars=bars_of_failures(causes, labels, "failures"),
        ranges=ranges(c.changes, labels, several=several),
        curves=[
            (
                f"{one_line(k.template, 40)}: {one_line(k.metric, 40)}",
                reliability(k, labels, f"curve{i}"),
            )
            for i, k in enumerate(c.curves[:12])
        ],
        worst=[
            (
                scenario_card(change, labels, template=several, level=3),
                change.scenario_id,
                *runs.get(change.template, ("", "")),
            )
            for change in c.changes
        ],
        scenarios_total=c.changes_total,
        spent=digest.spent(c),
        calibration=digest.calibration_words(c),
        provenance=_provenance(c),
    )


def _of_both(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {name: (before[name], after[name]) for name in sorted(before) if name in after}


def _chosen(
    differences: Sequence[Difference], wanted: Wanted
) -> tuple[list[Difference], list[Difference]]:
    """Return the rows asked for: those over all scenarios or slices, and guards."""
    found = [
        d
        for d in differences
        if wanted.template in ("", d.template)
        and wanted.metric in ("", d.metric)
        and wanted.verdict in ("", str(d.verdict))
        and (d.gating or not wanted.gating)
        and _in_slice(d, wanted.slice)
    ]
    if wanted.slice:
        found.sort(key=lambda d: (not d.gating, _bad(d)))
        return found, []
    whole = [d for d in found if d.slice is None]
    whole.sort(key=lambda d: (d.template, d.metric != "overall", not d.gating))
    return whole, [d for d in found if d.slice is not None]


def _in_slice(d: Difference, wanted: str) -> bool:
    if not wanted:
        return d.slice is None or d.gating
    if d.slice is None:
        return False
    return wanted in ("*", d.slice.attribute, f"{d.slice.attribute}={d.slice.value}")


def _bad(d: Difference) -> int:
    order = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.NO_WORSE, Verdict.EQUIVALENT)
    return order.index(d.verdict) if d.verdict in order else len(order)


def _table(
    rows: Sequence[Difference],
    guards: Sequence[Difference],
    labels: tuple[str, str],
    wanted: Wanted,
    *,
    several: bool,
) -> Markup | None:
    if not (rows or guards):
        return None
    room = max(0, _ROWS - len(rows))
    what = "Slices" if wanted.slice else "All scenarios"
    return metric_table(
        rows[:_ROWS],
        labels,
        caption=f"{what}: {labels[1]} against {labels[0]}",
        guards=guards[:room],
        templates=several,
    )


def _choices(differences: Sequence[Difference]) -> dict[str, list[str]]:
    """Return what the form offers."""
    slices: dict[str, dict[str, None]] = {}
    for d in differences:
        if d.slice is not None:
            slices.setdefault(d.slice.attribute, {})[d.slice.value] = None
    return {
        "template": list(dict.fromkeys(d.template for d in differences)),
        "metric": list(dict.fromkeys(d.metric for d in differences)),
        "verdict": [str(v) for v in Verdict if any(d.verdict is v for d in differences)],
        "attribute": list(slices),
        "slice": [f"{a}={v}" for a, values in slices.items() for v in values],
    }


def _limits(c: Comparison, *, several: bool) -> list[tuple[str, str, str]]:
    tones = {"met": "good", "not_met": "bad"}
    found = [
        (
            (f"{one_line(limit.template, 40)}: " if several else "") + what,
            status,
            tones.get(limit.status, "unsure"),
        )
        for limit, what, status in digest.limits(c)[:60]
    ]
    open_ones = ("missing", "not_measured")
    return found + [
        (what, status, "unsure" if criterion.status in open_ones else "fine")
        for criterion, what, status in digest.criteria(c)[:60]
    ]


def _provenance(c: Comparison) -> list[tuple[str, str]]:
    rows = [("Provider", one_line(c.provider, 300))]
    for title, side in (("Baseline", c.baseline), ("Candidate", c.candidate)):
        for name, sha in sorted(side.template_sha256.items())[:40]:
            run = side.run_ids.get(name, "-")
            rows.append(
                (title, one_line(f"{name}@{side.label}, run {run}, template SHA-256 {sha}", 300))
            )
    rows.append(("Policy SHA-256", one_line(c.policy_sha256, 64)))
    rows.append(("Alpha (two-sided)", f"{c.alpha:g}"))
    return rows
