"""What a calibration found, and its JSON: what is stored and what `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from promptreg.stages.calibrate import (
    GateRates,
    Impossible,
    InjectedRates,
    Injection,
    NoiseLine,
    Spend,
    TextNoise,
)
from promptreg.verdicts import Gate, Rate

__all__ = ["FORMAT", "Calibrated", "CalibrationReport", "Injected", "report_json"]

FORMAT = 2


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One template version that was asked."""

    template: str
    label: str
    template_sha256: str
    scenarios_sha256: str
    n_scenarios: int
    n_families: int


@dataclass(frozen=True, slots=True)
class Injected:
    """One worsening and what the gates said of it."""

    injection: Injection
    rates: InjectedRates


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """The gate's own error rates on a suite under its policy.

    Attributes:
        suite, label: the suite and the version that was asked.
        templates: what was asked of which template.
        fingerprints: what shaped the completions, by name; the same for all templates.
        policy_sha256, looks, alpha: the policy, and how often its gate looks at the most.
        version: of promptreg.
        provider, synthetic, partial: who answered; whether the answers were made up; whether
            scenarios were left out.
        created_at: ISO 8601 UTC.
        repeats: of one side of a gate; twice as many completions per scenario were used.
        simulations: gates for each rate.
        draws: flips in each simulated gate.
        again: A/A gates on scenarios like these: families are drawn with replacement.
        same: A/A gates on exactly these scenarios.
        as_asked: the one A/A gate that really took place: first half against second half.
        injected, impossible: worsenings of known size.
        noise, texts: how much answers to the same prompt differ.
        spend: what the next calls should buy.
        planned, cached, called: trials.
        cost: of the calls; None where it is not known.
        duration_s: of all of it.
        warnings: what a reader must know before believing the rates.
        notes: how to read them.
    """

    suite: str
    label: str
    templates: tuple[Calibrated, ...]
    fingerprints: Mapping[str, str]
    policy_sha256: str
    alpha: float
    version: str
    provider: str
    synthetic: bool
    partial: bool
    created_at: str
    repeats: int
    simulations: int
    draws: int
    again: GateRates
    same: GateRates
    as_asked: Gate
    injected: tuple[Injected, ...]
    impossible: tuple[Impossible, ...]
    noise: tuple[NoiseLine, ...]
    texts: tuple[TextNoise, ...]
    spend: tuple[Spend, ...]
    looks: int
    planned: int
    cached: int
    called: int
    cost: float | None
    duration_s: float
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def deterministic(self) -> bool:
        """Whether every scenario was answered with the same text each time."""
        return not any(t.differing for t in self.texts)


def report_json(report: CalibrationReport) -> dict[str, Any]:
    """Return the report as JSON values."""
    r = report
    return {
        "format": FORMAT,
        "promptreg": r.version,
        "created_at": r.created_at,
        "suite": r.suite,
        "label": r.label,
        "templates": {t.template: _without(asdict(t), "template") for t in r.templates},
        "fingerprints": dict(r.fingerprints),
        "policy_sha256": r.policy_sha256,
        "looks": r.looks,
        "alpha": r.alpha,
        "provider": r.provider,
        "synthetic": r.synthetic,
        "partial": r.partial,
        "repeats": r.repeats,
        "simulations": r.simulations,
        "draws": r.draws,
        "a_a": {
            "scenarios_like_these": _gates(r.again),
            "these_scenarios": _gates(r.same),
            "as_asked": {
                "verdict": str(r.as_asked.verdict),
                "reasons": list(r.as_asked.reasons),
            },
        },
        "injected": [
            {
                **_where(_without(asdict(i.injection), "columns")),
                "columns": list(i.injection.columns),
                **{name: _rate(getattr(i.rates, name)) for name in _INJECTED},
                "asked": i.rates.asked,
            }
            for i in r.injected
        ],
        "not_injected": [_where(asdict(i)) for i in r.impossible],
        "noise": {
            "deterministic": r.deterministic,
            "texts": [asdict(t) for t in r.texts],
            "metrics": [asdict(n) for n in r.noise],
        },
        "next_calls": [asdict(s) for s in r.spend],
        "trials": {"planned": r.planned, "cached": r.cached, "called": r.called},
        "cost": r.cost,
        "duration_s": r.duration_s,
        "warnings": list(r.warnings),
        "notes": list(r.notes),
    }


_INJECTED = ("accused", "acquitted", "failed", "passed", "inconclusive")
_GATES = ("false_alarm", "accused", "failed", "passed", "inconclusive", "limit_missed")


def _gates(rates: GateRates) -> dict[str, Any]:
    by_metric = {name: _rate(found) for name, found in rates.by_metric.items()}
    found: dict[str, Any] = {name: _rate(getattr(rates, name)) for name in _GATES}
    return found | {"by_metric": by_metric, "asked": rates.asked}


def _rate(rate: Rate) -> dict[str, Any]:
    return {
        "count": rate.count,
        "of": rate.of,
        "share": rate.share,
        "interval": list(rate.interval),
    }


def _without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k != name}


def _where(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with `where` as the `slice` that comparisons have."""
    where = dict(values["where"])
    part = {"attribute": ",".join(where), "value": ",".join(where.values())} if where else None
    return _without(values, "where") | {"slice": part}
