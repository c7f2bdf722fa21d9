"""Runs, comparisons and events as tags, metrics and parameters of MLflow runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from promptreg.past import Line, Origin, PastComparison, PastEvent, PastRun
from promptreg_plugins.mlflow_history.names import LONGEST, metric_key, tag_text

__all__ = [
    "COMPLETE",
    "FACT",
    "ID",
    "KIND",
    "PARTS",
    "PREFIX",
    "PRINT",
    "VERDICT",
    "comparison_metrics",
    "comparison_tags",
    "event_tags",
    "run_metrics",
    "run_params",
    "run_tags",
    "template_tag",
]

PREFIX = "promptreg."
KIND, ID, COMPLETE = f"{PREFIX}kind", f"{PREFIX}id", f"{PREFIX}complete"
PRINT = f"{PREFIX}fingerprint."
VERDICT = f"{PREFIX}verdict."
FACT = f"{PREFIX}fact."
PARTS = (
    *("baseline", "candidate", "difference", "low", "high"),
    *("ratio", "ratio_low", "ratio_high"),
)


def run_tags(run: PastRun) -> dict[str, str]:
    """Return the tags of a run."""
    found = {
        KIND: "run",
        ID: run.id,
        "suite": run.suite,
        "template": run.template,
        "label": run.label,
        "template_sha256": run.template_sha256,
        "created_at": run.created_at,
        "provider": run.provider,
        "partial": _word(run.partial),
        "synthetic": _word(run.synthetic),
        "repeats": str(run.repeats),
        "scenarios": str(run.scenarios),
        "trials": str(run.trials),
        "failures": _json(run.failures),
        "scales": _json(run.scales),
        "source": run.source,
        "scenario_source": run.scenario_source,
        "settings": _json(run.settings),
        "notes": _json(run.notes),
        **{f"{PRINT}{name}": value for name, value in run.fingerprints.items()},
    } | _origin_tags(run.origin)
    return _prefixed(found)


def comparison_tags(comparison: PastComparison) -> dict[str, str]:
    """Return the tags of a comparison."""
    c = comparison
    names = sorted(c.template_sha256)
    found = {
        KIND: "comparison",
        ID: c.id,
        "suite": c.suite,
        "created_at": c.created_at,
        "baseline": c.baseline,
        "candidate": c.candidate,
        "templates": _json(names),
        "baseline_runs": _json(c.baseline_runs),
        "candidate_runs": _json(c.candidate_runs),
        "template_sha256": _json(c.template_sha256),
        "verdict": c.verdict,
        "exit_code": str(c.exit_code),
        "reasons": _json(c.reasons),
        "warnings": _json(c.warnings),
        "provider": c.provider,
        "synthetic": _word(c.synthetic),
        "policy_sha256": c.policy_sha256,
        "command": c.command,
        "scales": _json({line.metric: (line.kind, line.unit) for line in c.lines}),
        # Reports call a template NAME@LABEL where several of its versions were touched.
        **{template_tag(n): "yes" for name in names for n in (name, name.partition("@")[0])},
    } | _origin_tags(c.origin)
    for line in c.lines:
        word = f"{line.verdict}{' gating' if line.gating else ''}"
        found[f"{VERDICT}{_line_key(line)}"] = word
    return _prefixed(found)


def event_tags(event: PastEvent) -> dict[str, str]:
    """Return the tags of an event."""
    found = {
        KIND: "event",
        ID: event.id,
        "event": event.kind,
        "suite": event.suite,
        "template": event.template,
        "template_sha256": event.template_sha256,
        "created_at": event.created_at,
        "summary": event.summary,
        "mlflow.note.content": event.page or event.summary,
        **{f"{FACT}{name}": value for name, value in event.facts.items()},
    } | _origin_tags(event.origin)
    return _prefixed(found)


def _line_key(line: Line) -> str:
    """Return a line's key: `TEMPLATE/METRIC`, or `TEMPLATE/slice/ATTRIBUTE/VALUE/METRIC`."""
    return f"{metric_key(line.template)}/{metric_key(line.metric, '', line.slice)}"


def _origin_tags(origin: Origin) -> dict[str, str]:
    found = {"version": origin.version, "mlflow.source.name": "promptreg"}
    if origin.commit:
        found |= {"commit": origin.commit, "mlflow.source.git.commit": origin.commit}
    if origin.branch:
        found |= {"branch": origin.branch, "mlflow.source.git.branch": origin.branch}
    if origin.dirty is not None:
        found["dirty"] = _word(origin.dirty)
    return found


def _prefixed(found: Mapping[str, str]) -> dict[str, str]:
    """Return tags as MLflow takes them; keys with a slash are made of parts that fit already."""
    tags = {}
    for name, value in found.items():
        key = name if name.startswith((PREFIX, "mlflow.")) else f"{PREFIX}{name}"
        tags[key[:LONGEST] if "/" in key else metric_key(key)] = tag_text(value)
    return tags


def template_tag(name: str) -> str:
    """Return the key of the tag that says that a comparison is of a template."""
    return metric_key(f"{PREFIX}template.{name}")


def _word(flag: bool) -> str:
    return "yes" if flag else "no"


def _json(value: Any) -> str:
    """Return JSON that fits into a tag; what is too long is left out as a whole, not cut."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return text if len(text) <= 4_800 else "null"


def run_metrics(run: PastRun) -> dict[str, float]:
    """Return the metrics of a run, with intervals and numbers of scenarios."""
    found: dict[str, float] = {}
    for m in run.measures:
        found[metric_key(m.metric, "", m.slice)] = m.value
        if m.low is not None and m.high is not None:
            found[metric_key(m.metric, "low", m.slice)] = m.low
            found[metric_key(m.metric, "high", m.slice)] = m.high
        found[metric_key(m.metric, "n", m.slice)] = float(m.n)
    return found


def run_params(run: PastRun) -> dict[str, str]:
    """Return what MLflow's pages group, filter and compare runs by."""
    found = {
        "template": run.template,
        "version": run.label,
        "text": run.template_sha256[:12],
        "provider": run.provider,
        "scenarios": str(run.scenarios),
        "repeats": str(run.repeats),
        "seed": run.fingerprints.get("seed", ""),
        **{f"sampling.{name}": value for name, value in run.settings.items()},
    }
    return {metric_key(k): tag_text(v) for k, v in found.items() if v}


def comparison_metrics(comparison: PastComparison) -> dict[str, float]:
    """Return the metrics of a comparison: `TEMPLATE/METRIC/difference`, ..."""
    found: dict[str, float] = {}
    for line in comparison.lines:
        key = _line_key(line)
        for part in PARTS:
            value = getattr(line, part)
            if value is not None:
                found[f"{key}/{part}"] = float(value)
    return found
