"""Two sample comparisons for reporters: an ordinary one, and one made of hostile text."""

from __future__ import annotations

from dataclasses import replace

from promptreg.contracts.hostile import FORMULA, HOSTILE_TEXT
from promptreg.errors import ExitCode
from promptreg.verdicts import (
    Comparison,
    Counts,
    Difference,
    Gate,
    GateVerdict,
    Limit,
    Missing,
    Ranking,
    ScenarioChange,
    Side,
    SideTrial,
    Slice,
    Verdict,
)

__all__ = ["hostile_comparison", "sample_comparison"]

_PRINTS = {"scenarios": "5a" * 32, "scorers": "c0" * 32, "repeats": "1", "seed": "0"}


def sample_comparison() -> Comparison:
    """Return a comparison that fails its gate: one metric of each kind, with slice and limit."""
    in_range = _difference(
        baseline=0.88, candidate=0.81, difference=-0.07, interval=(-0.11, -0.03), margin=0.05,
        verdict=Verdict.REGRESSED, p_value=0.0004, p_adjusted=0.0012, gating=True,
        discordant=(11, 3), missing=Missing(0, 2), effect_size=("Cohen's g", 0.29),
    )  # fmt: skip
    threats = replace(
        in_range, slice=Slice("scenario_type", "threat"), n_scenarios=40, gating=False
    )
    deviation = _difference(
        metric="deviation", kind="bounded", unit="points", direction="lower_is_better",
        baseline=2.1, candidate=2.0, difference=-0.1, interval=(-0.9, 0.7), margin=3.0,
        verdict=Verdict.NO_WORSE, p_value=0.001, test="sign flips",
    )  # fmt: skip
    level = _difference(
        metric="risk_level", kind="ordinal", unit="levels", baseline=None, candidate=None,
        difference=None, interval=None, margin=None, n_scenarios=0, n_clusters=0, test="none",
        effect_size=("none", None), notes=("no trial has a score",),
    )  # fmt: skip
    latency = _difference(
        metric="latency", kind="count", unit="s", direction="lower_is_better", baseline=3.2,
        candidate=3.3, difference=0.1, interval=(-0.1, 0.3), margin=1.1, test="signed ranks",
        ratio=(1.03, 0.98, 1.08), verdict=Verdict.EQUIVALENT,
    )  # fmt: skip
    return Comparison(
        suite="home_security",
        baseline=Side("v1", {"basic": "1a" * 32}, {"basic": "run-1"}, _PRINTS),
        candidate=Side("v2", {"basic": "2b" * 32}, {"basic": "run-2"}, _PRINTS),
        gate=Gate(
            GateVerdict.FAIL,
            ("in_range of basic fell by 7.0pp, more than the margin of 5.0pp",),
            ExitCode.REGRESSION,
        ),
        differences=(in_range, threats, deviation, level, latency),
        limits=(
            Limit("basic", "in_range", None, "at_least", 0.8, 0.81, (0.75, 0.86), "not_shown", 200),
        ),
        counts=Counts(400, 120, 280, {"baseline": {}, "candidate": {"timeout": 2}}, 16_000, 24_000),
        cost=0.42,
        duration_s=341.5,
        alpha=0.05,
        policy_sha256="d1" * 32,
        provider="llama_cpp at http://127.0.0.1:8091",
        synthetic=False,
        created_at="2026-01-02T03:04:05Z",
        changes=(_change(),),
        changes_total=31,
        rankings=(
            Ranking("in_range", "basic", "v1", 0.88, (0.83, 0.92), 1, 1),
            Ranking("in_range", "basic", "v2", 0.81, (0.75, 0.86), 2, 2),
        ),
        template_diffs={"basic": ("Judge:\n{detections}\n", "Judge quickly:\n{detections}\n")},
        warnings=("2 trials of the candidate timed out",),
        complete_case={"in_range": -0.06},
    )


def hostile_comparison() -> Comparison:
    """Return a comparison whose every text from outside is hostile, one of them 200 KB long.

    Labels, attribute values, answers, prompts, failures, warnings and template texts hold markup,
    escape sequences, a formula, NUL, a lone surrogate and a line separator.
    """
    plain = sample_comparison()
    change = plain.changes[0]
    long = "long line " * 20_000
    side = SideTrial(
        prompt=HOSTILE_TEXT + long,
        text=HOSTILE_TEXT,
        thinking=HOSTILE_TEXT,
        answer={HOSTILE_TEXT: [HOSTILE_TEXT, {"depth": None}], "summary": HOSTILE_TEXT},
        failure=f"protocol: {HOSTILE_TEXT}",
        scores={"in_range": None},
    )
    first, *rest = plain.differences
    return replace(
        plain,
        baseline=replace(plain.baseline, label=FORMULA),
        candidate=replace(plain.candidate, label=HOSTILE_TEXT),
        gate=replace(plain.gate, reasons=(HOSTILE_TEXT,)),
        differences=(
            first,
            replace(first, slice=Slice(FORMULA, HOSTILE_TEXT), notes=(HOSTILE_TEXT,)),
            *rest,
        ),
        provider=HOSTILE_TEXT,
        changes=(
            replace(
                change,
                scenario_id=FORMULA,
                family=HOSTILE_TEXT,
                attributes={FORMULA: HOSTILE_TEXT},
                ground_truth={"expected_summary": HOSTILE_TEXT, "key_points": [HOSTILE_TEXT]},
                baseline=side,
                candidate=replace(side, text=long + HOSTILE_TEXT),
            ),
        ),
        template_diffs={"basic": (HOSTILE_TEXT, HOSTILE_TEXT + long)},
        warnings=(HOSTILE_TEXT,),
    )


def _change() -> ScenarioChange:
    answer = {"risk_score": 72, "risk_level": "high", "summary": "A person at the back door."}
    before = SideTrial(
        "Judge:\ncamera back-door", str(answer), "", answer, "", {"in_range": 1.0}, 3.1
    )
    after = SideTrial(
        "Judge quickly:\ncamera back-door", "", "", {}, "timeout: no answer within 120 s",
        {"in_range": None},
    )  # fmt: skip
    truth: dict[str, object] = {"risk_range": [60, 85]}
    attributes = {"scenario_type": "threat"}
    return ScenarioChange("basic", "back-door", "f1", attributes, truth, -1.0, before, after)


def _difference(**given: object) -> Difference:
    plain = Difference(
        template="basic", metric="in_range", slice=None, kind="binary", unit="",
        direction="higher_is_better", n_scenarios=200, n_clusters=180, repeats=1, baseline=None,
        candidate=None, difference=None, interval=None, level=0.95, p_value=None, p_adjusted=None,
        effect_size=("Cohen's d", -0.04), test="exact McNemar", margin=None,
        verdict=Verdict.INCONCLUSIVE, gating=False, discordant=None, detectable_difference=0.06,
        missing=Missing(0, 0),
    )  # fmt: skip
    return replace(plain, **given)  # type: ignore[arg-type]  # fields by name, checked by callers
