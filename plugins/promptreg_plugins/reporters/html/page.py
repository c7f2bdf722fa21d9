"""The page: everything cleaned and put into words first, then one template with escaping on."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from promptreg import numbers
from promptreg.stages.report import digest, plots
from promptreg.stages.report.as_json import finite
from promptreg.stages.report.lines import Line, line_of, lines_of
from promptreg.stages.report.plots.changes import histogram_of_changes, scores_against_ranges
from promptreg.stages.report.plots.failures import KINDS, bars_of_failures
from promptreg.stages.report.plots.forest import SHAPES, forest_of_metrics, forest_of_slices
from promptreg.stages.report.plots.landscape import map_of_scenarios
from promptreg.stages.report.plots.reliability import reliability
from promptreg.stages.report.text import one_line
from promptreg.verdicts import Comparison, Difference, GateVerdict, ScenarioChange
from promptreg_plugins.reporters.html.diff import side_by_side
from promptreg_plugins.reporters.html.scenarios import MAX_ROWS, filters_of, scenario_rows

__all__ = ["page"]

_ASSETS = Path(__file__).parent / "assets"
_TONES = {GateVerdict.PASS: "good", GateVerdict.FAIL: "bad", GateVerdict.INCONCLUSIVE: "unsure"}
_MAX_SLICES = 300
_FORESTS_OF_SLICES = 4


def page(comparison: Comparison) -> str:
    """Return the whole page."""
    style = plots.style() + (_ASSETS / "report.css").read_text("utf-8")
    script = (_ASSETS / "report.js").read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        raw_number=_raw_number, words=one_line, p_words=numbers.p_value, number_words=numbers.number
    )
    return environment.get_template("report.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
        **_verdict(comparison),
        **_numbers(comparison),
        **_plots(comparison),
        **_details(comparison),
        **_provenance(comparison),
    )


def _hash(text: str) -> str:
    """Return what a content security policy calls the text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _raw_number(value: float | None) -> str:
    """Return the number exactly as the JSON report writes it; empty where there is none."""
    number = finite(value)
    return "" if number is None else repr(number)


def _labels(c: Comparison) -> tuple[str, str]:
    return one_line(c.baseline.label, 24), one_line(c.candidate.label, 24)


def _verdict(c: Comparison) -> dict[str, Any]:
    return {
        "suite": one_line(c.suite, 80),
        "labels": _labels(c),
        "verdict": str(c.gate.verdict).upper(),
        "tone": _TONES[c.gate.verdict],
        "sentence": digest.sentence(c),
        "reasons": [one_line(r, 300) for r in c.gate.reasons[:20]],
        "facts": digest.facts(c),
        "design": digest.design(c),
        "stopping": digest.stopping(c),
        "synthetic": c.synthetic,
        "warnings": [one_line(w, 500) for w in c.warnings[:30]],
        "created_at": one_line(c.created_at, 40),
    }


def _numbers(c: Comparison) -> dict[str, Any]:
    tables = digest.whole_suite(c)
    guarding = digest.guards(c)
    hurting, more = digest.hurting_slices(c, 12)
    slices = [d for d in c.differences if d.slice is not None and not d.gating]
    return {
        "tables": [
            (
                one_line(name, 60),
                [_marked(line) for line in lines_of(rows)],
                [_marked(line) for line in lines_of(d for d in guarding if d.template == name)],
            )
            for name, rows in tables.items()
        ],
        "level": numbers.level(c.differences[0].level if c.differences else 0.95),
        "slice_level": numbers.level(slices[0].level if slices else 0.95),
        "limits": [
            (one_line(limit.template, 40), what, status, limit.status == "not_met")
            for limit, what, status in digest.limits(c)[:60]
        ],
        "criteria": [
            (what, status, criterion.status in ("missing", "not_measured"))
            for criterion, what, status in digest.criteria(c)[:60]
        ],
        "preset": one_line(c.preset, 60),
        "hurting": [(one_line(d.template, 40), _marked(line_of(d))) for d in hurting],
        "hurting_more": more,
        "slices": [(one_line(d.template, 40), _marked(line_of(d))) for d in slices[:_MAX_SLICES]],
        "slices_total": len(slices),
        "breakdowns": [
            (
                f"{one_line(b.template, 40)}: {_failing(b.metric)}",
                [one_line(a, 40) for a in b.by],
                [
                    ([one_line(v, 40) for v in r.values], r.scenarios, r.baseline, r.candidate)
                    for r in b.rows[:_MAX_SLICES]
                ],
            )
            for b in c.breakdowns[:40]
        ],
        "several": len(tables) > 1,
    }


def _failing(metric: str) -> str:
    """Return what it means that a pass/fail metric fails."""
    known = {"in_range": "outside the expected range", "context_gap": "context not mentioned"}
    return known.get(metric, f"{one_line(metric, 60)} fails")


def _marked(line: Line) -> tuple[Line, str, Markup]:
    """Return a line with the colour class of its verdict and its mark."""
    shape, tone = SHAPES[line.difference.verdict]
    sign = {"diamond": "◆", "triangle": "▲", "circle": "●", "ring": "○"}[shape]
    return line, tone, Markup('<span class="mark" aria-hidden="true">{}</span>').format(sign)


def _plots(c: Comparison) -> dict[str, Any]:
    labels = _labels(c)
    tables = digest.whole_suite(c)
    causes = digest.causes(c)
    forests = [
        (one_line(name, 60), forest_of_metrics(rows, f"forest{i}", one_line(name, 60)))
        for i, (name, rows) in enumerate(tables.items())
    ]
    sliced = [
        (one_line(template, 60), one_line(metric, 60), forest_of_slices(rows[:40], f"slices{i}"))
        for i, (template, metric, rows) in enumerate(_slice_forests(c))
    ]
    ranges = [
        (one_line(name, 60), scores_against_ranges(rows, labels, f"ranges{i}"))
        for i, (name, rows) in enumerate(_by_template(c).items())
    ]
    return {
        "forests": [f for f in forests if f[1]],
        "slice_forests": [f for f in sliced if f[2]],
        "map": map_of_scenarios(c.scenario_map, "map") if c.scenario_map else "",
        "curves": [
            (
                f"{one_line(k.template, 40)}: {one_line(k.metric, 40)}",
                reliability(k, labels, f"curve{i}"),
            )
            for i, k in enumerate(c.curves[:40])
        ],
        "histogram": histogram_of_changes(c.changes, c.changes_total, "changes"),
        "ranges": [r for r in ranges if r[1]],
        "failure_bars": bars_of_failures(causes, labels, "failures"),
        "causes": [
            (min(k, KINDS - 1), r.cause, r.baseline, r.candidate, digest.TREATMENTS[r.treatment])
            for k, r in enumerate(causes[:40])
        ],
    }


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


def _details(c: Comparison) -> dict[str, Any]:
    filters = filters_of(c.changes[:MAX_ROWS])
    return {
        "rows": scenario_rows(c.changes, _labels(c), filters),
        "rows_total": max(c.changes_total, len(c.changes)),
        "filters": filters.attributes,
        "template_names": [one_line(name, 60) for name in filters.templates],
        "diffs": [
            (one_line(name, 60), side_by_side(*texts), texts[0] == texts[1])
            for name, texts in sorted(c.template_diffs.items())
        ],
        "rankings": [
            (
                one_line(r.metric, 40),
                f"{one_line(r.template, 40)}@{one_line(r.label, 40)}",
                numbers.number(r.mean),
                f"[{numbers.number(r.interval[0])}, {numbers.number(r.interval[1])}]",
                " to ".join(str(p) for p in sorted({r.best_rank, r.worst_rank})),
            )
            for r in c.rankings[:60]
        ],
    }


def _provenance(c: Comparison) -> dict[str, Any]:
    return {
        "facts_table": list(_facts(c)),
        "complete_case": [
            (one_line(metric, 60), numbers.change(value))
            for metric, value in sorted(c.complete_case.items())[:60]
        ],
        "judge_note": any(d.kind == "ordinal" for d in c.differences),
        "spent": digest.spent(c),
        "calibration": digest.calibration_words(c),
    }


def _facts(c: Comparison) -> Iterable[tuple[str, str]]:
    yield "Provider", one_line(c.provider, 300)
    for title, side in (("Baseline", c.baseline), ("Candidate", c.candidate)):
        for name in sorted(side.template_sha256):
            run = one_line(side.run_ids.get(name, "-"), 120)
            sha = one_line(side.template_sha256[name], 64)
            label = f"{one_line(name, 60)}@{one_line(side.label, 60)}"
            yield title, f"{label}, run {run}, template SHA-256 {sha}"
    for name in sorted({*c.baseline.fingerprints, *c.candidate.fingerprints}):
        values = [side.fingerprints.get(name, "-") for side in (c.baseline, c.candidate)]
        both = values[:1] if values[0] == values[1] else values
        yield f"Fingerprint: {one_line(name, 40)}", " / ".join(one_line(v, 120) for v in both)
    yield "Policy SHA-256", one_line(c.policy_sha256, 64)
    yield "Alpha (two-sided)", f"{c.alpha:g}"
    yield "Made", one_line(c.created_at, 40)
