"""Runs and comparisons as tags of MLflow runs, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from promptreg.past import Line, Measure, Origin, PastComparison, PastRun
from promptreg_plugins.mlflow_history.names import LONGEST, metric_key, metric_parts, tag_text

__all__ = [
    "COMPLETE",
    "ID",
    "KIND",
    "comparison_from",
    "comparison_metrics",
    "comparison_tags",
    "run_from",
    "run_metrics",
    "run_tags",
    "template_tag",
]

PREFIX = "promptreg."
KIND, ID, COMPLETE = f"{PREFIX}kind", f"{PREFIX}id", f"{PREFIX}complete"
_PRINT = f"{PREFIX}fingerprint."
_VERDICT = f"{PREFIX}verdict."
_PARTS = ("baseline", "candidate", "difference", "low", "high")


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
        "notes": _json(run.notes),
        **{f"{_PRINT}{name}": value for name, value in run.fingerprints.items()},
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
        # Reports call a template NAME@LABEL where several of its versions were touched.
        **{template_tag(n): "yes" for name in names for n in (name, name.partition("@")[0])},
    } | _origin_tags(c.origin)
    for line in c.lines:
        key = metric_key(line.metric).replace("/", ":2f")
        word = f"{line.verdict}{' gating' if line.gating else ''}"
        found[f"{_VERDICT}{metric_key(line.template)}/{key}"] = word
    return _prefixed(found)


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


def comparison_metrics(comparison: PastComparison) -> dict[str, float]:
    """Return the metrics of a comparison over all scenarios: `TEMPLATE/METRIC/difference`, ..."""
    found: dict[str, float] = {}
    for line in comparison.lines:
        key = f"{metric_key(line.template)}/{metric_key(line.metric)}"
        for part in _PARTS:
            value = getattr(line, part)
            if value is not None:
                found[f"{key}/{part}"] = float(value)
    return found


class _Tags:
    """Tags of one run, read leniently: others may have edited them."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = tags

    def text(self, name: str) -> str:
        return str(self.tags.get(f"{PREFIX}{name}", ""))

    def flag(self, name: str) -> bool:
        return self.text(name) == "yes"

    def whole(self, name: str) -> int:
        text = self.text(name)
        return int(text) if text.isdecimal() and len(text) < 10 else 0

    def mapping(self, name: str) -> dict[str, Any]:
        found = self.json(name)
        return {str(k): v for k, v in found.items()} if isinstance(found, dict) else {}

    def words(self, name: str) -> tuple[str, ...]:
        found = self.json(name)
        return tuple(str(v) for v in found) if isinstance(found, list) else ()

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.text(name) or "null")
        except (ValueError, RecursionError):
            return None

    def origin(self) -> Origin:
        dirty = self.text("dirty")
        return Origin(
            commit=self.text("commit"),
            branch=self.text("branch"),
            dirty=None if not dirty else dirty == "yes",
            version=self.text("version"),
        )


def run_from(place: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> PastRun:
    """Return a run from tags and metrics."""
    t = _Tags(tags)
    parts: dict[tuple[str, tuple[str, str] | None], dict[str, float]] = {}
    for key, value in metrics.items():
        found = metric_parts(key)
        if found is not None:
            metric, part, where = found
            parts.setdefault((metric, where), {})[part] = value
    measures = tuple(
        Measure(metric, p[""], p.get("low"), p.get("high"), int(p.get("n", 0)), where)
        for (metric, where), p in sorted(
            parts.items(), key=lambda item: (item[0][1] or ("", ""), item[0][0])
        )
        if "" in p
    )
    scales = {
        name: (str(v[0]), str(v[1]), str(v[2]))
        for name, v in t.mapping("scales").items()
        if isinstance(v, list) and len(v) == 3
    }
    return PastRun(
        id=t.text("id"),
        suite=t.text("suite"),
        template=t.text("template"),
        label=t.text("label"),
        template_sha256=t.text("template_sha256"),
        fingerprints={k.removeprefix(_PRINT): v for k, v in tags.items() if k.startswith(_PRINT)},
        created_at=t.text("created_at"),
        provider=t.text("provider"),
        partial=t.flag("partial"),
        synthetic=t.flag("synthetic"),
        repeats=t.whole("repeats"),
        scenarios=t.whole("scenarios"),
        trials=t.whole("trials"),
        failures={k: v for k, v in t.mapping("failures").items() if isinstance(v, int)},
        measures=measures,
        scales=scales,
        origin=t.origin(),
        source=t.text("source"),
        scenario_source=t.text("scenario_source"),
        notes=t.words("notes"),
        place=place,
    )


def comparison_from(
    place: str, tags: Mapping[str, str], metrics: Mapping[str, float]
) -> PastComparison:
    """Return a comparison from tags and metrics."""
    t = _Tags(tags)
    lines = []
    for key, words in sorted(tags.items()):
        if not key.startswith(_VERDICT):
            continue
        template, _, metric = key.removeprefix(_VERDICT).partition("/")
        names = metric_parts(template), metric_parts(metric)
        if names[0] is None or names[1] is None:
            continue
        numbers = {p: metrics.get(f"{template}/{metric}/{p}") for p in _PARTS}
        verdict, _, gating = words.partition(" ")
        lines.append(Line(names[0][0], names[1][0], verdict, bool(gating), **numbers))
    lines.sort(key=lambda line: (line.template, line.metric != "overall", not line.gating))
    hashes = t.mapping("template_sha256")
    return PastComparison(
        id=t.text("id"),
        suite=t.text("suite"),
        created_at=t.text("created_at"),
        baseline=t.text("baseline"),
        candidate=t.text("candidate"),
        baseline_runs={k: str(v) for k, v in t.mapping("baseline_runs").items()},
        candidate_runs={k: str(v) for k, v in t.mapping("candidate_runs").items()},
        template_sha256={
            k: (str(v[0]), str(v[1])) for k, v in hashes.items() if isinstance(v, list) and v[1:]
        },
        verdict=t.text("verdict"),
        exit_code=t.whole("exit_code"),
        reasons=t.words("reasons"),
        provider=t.text("provider"),
        synthetic=t.flag("synthetic"),
        policy_sha256=t.text("policy_sha256"),
        lines=tuple(lines),
        warnings=t.words("warnings"),
        origin=t.origin(),
        place=place,
    )
