"""What the fake service tells: the home-security example with its recorded, real completions."""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from promptreg_plugins.web.model import (
    RunInfo,
    ScenarioRow,
    SuiteInfo,
    TemplateInfo,
    TrialRow,
    VersionInfo,
)

__all__ = [
    "BROKEN",
    "EXAMPLE",
    "NOW",
    "SUITE",
    "recorded_artifacts",
    "recorded_plan",
    "runs",
    "scenarios",
    "suite_info",
    "template_texts",
    "trials",
]

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "home_security"
SUITE, BROKEN = "home_security", "night_cameras"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
_TIERS = ("basic", "enriched", "full_enriched", "vision_enhanced", "model_zoo_enhanced")
_ATTRIBUTES = [
    "scenario_type",
    "story",
    "label",
    "tier",
    "enrichment_level",
    "time_of_day",
    "day_type",
    "camera_location",
    "detection_count",
    "primary_object",
]
_METRICS = (
    "overall",
    "in_range",
    "deviation",
    "risk_level",
    "key_points",
    "false_alarm",
    "recall",
    "answer_schema",
    "answered",
    "latency",
    "tokens",
)
_PLAIN = {"scenario_id", "ground_truth", "images"}


def _lines(name: str) -> list[dict[str, Any]]:
    with (EXAMPLE / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


@cache
def scenarios() -> tuple[ScenarioRow, ...]:
    """Return the example's 132 scenarios."""
    return tuple(
        ScenarioRow(
            id=row["scenario_id"],
            attributes={name: str(row[name]) for name in _ATTRIBUTES if row.get(name)},
            variables={key: value for key, value in row.items() if key not in _PLAIN},
            ground_truth=row["ground_truth"],
            images=tuple(row.get("images", ())),
        )
        for row in _lines("scenarios.jsonl")
    )


@cache
def template_texts() -> dict[tuple[str, str], str]:
    """Return (template, label) to text."""
    folder = EXAMPLE / "templates"
    return {
        (tier, label): (folder / f"{tier}.{label}.txt").read_text(encoding="utf-8")
        for tier in _TIERS
        for label in ("v1", "v2")
    }


def suite_info() -> list[SuiteInfo]:
    """Return the example, and a suite that cannot be opened."""
    templates = tuple(
        TemplateInfo(
            name=tier,
            versions=tuple(
                VersionInfo(
                    label=label,
                    hash=hashlib.sha256(template_texts()[tier, label].encode()).hexdigest(),
                    engine="format",
                    source=f"templates/{tier}.{label}.txt",
                )
                for label in ("v1", "v2")
            ),
            aliases={"production": "v1"} if tier == "basic" else {},
        )
        for tier in _TIERS
    )
    values = {
        name: tuple(sorted({row.attributes[name] for row in scenarios() if name in row.attributes}))
        for name in _ATTRIBUTES
    }
    return [
        SuiteInfo(
            name=SUITE,
            file="home_security/promptreg.yaml",
            provider="recorded",
            templates=templates,
            scenarios=len(scenarios()),
            attributes=values,
            metrics=_METRICS,
        ),
        SuiteInfo(
            name=BROKEN,
            file="night_cameras/promptreg.yaml",
            problem="night_cameras/promptreg.yaml: gate.alpha is 2; allowed are 0.001 to 0.5",
        ),
    ]


def runs() -> list[RunInfo]:
    """Return the runs of both versions of `basic`, and one that cannot be read."""
    failed = {label: sum(t.failure is not None for t in trials(label)) for label in ("v1", "v2")}
    good = [
        RunInfo(
            id=f"basic-{label}-{suffix}",
            template="basic",
            label=label,
            created_at=NOW - timedelta(hours=hours),
            scenarios=len(scenarios()),
            repeats=1,
            failed=failed[label],
            partial=False,
            synthetic=False,
        )
        for label, suffix, hours in (("v2", "81097c920d", 2), ("v1", "9ec9c47e25", 3))
    ]
    broken = RunInfo("basic-v1-0000000000", *(None,) * 8, problem="manifest.json is missing")
    return [*good, broken]


@cache
def trials(label: str) -> tuple[TrialRow, ...]:
    """Return the recorded trials of `basic` under a label, in scenario order, with prompts."""
    recorded = {
        row["scenario_id"]: row
        for row in _lines("completions.jsonl")
        if row["template"] == "basic" and row["version"] == label
    }
    return tuple(_trial(s, recorded[s.id], label) for s in scenarios() if s.id in recorded)


def _trial(scenario: ScenarioRow, row: dict[str, Any], label: str) -> TrialRow:
    found = row["text"]
    try:
        answer = json.loads(found[found.index("{") : found.rindex("}") + 1])
    except ValueError:
        answer = None
    score = answer.get("risk_score") if isinstance(answer, dict) else None
    low, high = scenario.ground_truth["risk_range"]
    inside = None if score is None else float(low <= score <= high)
    prompt = template_texts()["basic", label]
    for name, value in scenario.variables.items():
        prompt = prompt.replace("{" + name + "}", str(value))
    prompt = prompt.replace("{{", "{").replace("}}", "}")
    return TrialRow(
        run_id=next(
            r for r in ("basic-v1-9ec9c47e25", "basic-v2-81097c920d") if r.split("-")[1] == label
        ),
        scenario_id=scenario.id,
        repeat=int(row["repeat"]),
        attributes=scenario.attributes,
        text=row["text"],
        answer=answer if isinstance(answer, dict) else None,
        failure=None if answer else "unparseable: no JSON object was found",
        scores={"in_range": inside if answer else 0.0, "key_points": None},
        unscored={"key_points": "the scenario names no key points"},
        latency_s=row["latency_s"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        prompt=prompt,
    )


@cache
def recorded_artifacts() -> dict[str, bytes]:
    """Return what `compare v1 v2 --template basic` writes about the recording: made once."""
    import shutil

    import promptreg

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / SUITE
        folder.mkdir()
        for name in ("promptreg.yaml", "scenarios.jsonl", "completions.jsonl"):
            shutil.copy(EXAMPLE / name, folder)
        shutil.copytree(EXAMPLE / "templates", folder / "templates")
        shutil.copytree(EXAMPLE / "images", folder / "images", dirs_exist_ok=True)
        result = promptreg.open_suite(folder).compare("v1", "v2", template="basic")
        paths = [folder / f"report.{end}" for end in ("json", "html", "md")]
        result.save(*paths)
        return {path.name: path.read_bytes() for path in paths}


def recorded_plan() -> dict[str, Any]:
    """Return what `promptreg plan v1 v2 --json` says, of a suite with a judge and prices."""
    side = {"template": "basic", "scenarios": 132, "trials": 132, "provider": ""}
    first = {"label": "v1", "cached": 132, "prompt_tokens": 0, "completion_tokens": 0}
    second = {"label": "v2", "cached": 32, "prompt_tokens": 41_200, "completion_tokens": None}
    judge = {"scorer": "judge 'reasoning'", "models": ["openai gpt-oss-20b"], "calls": 232}
    change = {"template": "basic", "metric": "in_range", "unit": "share", "binary": True}
    return {
        "suite": SUITE, "provider": "llama_cpp", "trials": 264, "cached": 164, "calls": 100,
        "model_calls": 232, "cost": 0.42,
        "versions": [{**side, **first, "measured": True}, {**side, **second, "measured": False}],
        "models": [{
            **judge, "cached": 32, "prompt_tokens": 98_000, "completion_tokens": None,
            "cost": None, "measured": False,
        }],
        "detectable": [{
            **change, "n_scenarios": 132, "n_clusters": 132, "margin": 0.05, "change": 0.071,
            "scenarios_for_margin": 266, "basis": "typical",
        }],
        "notes": ["what judges will say is not known before their first verdicts, nor its cost"],
    }  # fmt: skip
