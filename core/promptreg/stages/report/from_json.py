"""Parts of a JSON report read back, for whoever shows stored reports as new ones are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from promptreg.verdicts import (
    CorrectedDifference,
    Difference,
    JudgeAlone,
    Missing,
    ScenarioChange,
    SideTrial,
    Slice,
    Verdict,
)

__all__ = ["change_from", "difference_from"]


def difference_from(entry: Mapping[str, Any]) -> Difference:
    """Return an entry of `comparisons` as the difference it was written from.

    Raises:
        KeyError, ValueError, TypeError: it is no such entry.
    """
    where = entry["slice"]
    ratio = _three(entry.get("ratio"))
    return Difference(
        template=entry["template"],
        metric=entry["metric"],
        slice=None if where is None else Slice(where["attribute"], where["value"]),
        kind=entry["kind"],
        unit=entry["unit"],
        direction=entry["direction"],
        n_scenarios=entry["n_scenarios"],
        n_clusters=entry["n_clusters"],
        repeats=entry["repeats"],
        baseline=entry["baseline"],
        candidate=entry["candidate"],
        difference=entry["difference"],
        interval=_two(entry["interval"]),
        level=entry["level"],
        p_value=entry["p_value"],
        p_adjusted=entry["p_adjusted"],
        effect_size=(entry["effect_size"]["name"], entry["effect_size"]["value"]),
        test=entry["test"],
        margin=entry["margin"],
        verdict=Verdict(entry["verdict"]),
        gating=entry["gating"],
        discordant=_two(entry["discordant"]),
        detectable_difference=entry["detectable_difference"],
        missing=Missing(entry["missing"]["baseline"], entry["missing"]["candidate"]),
        suspect=entry.get("suspect", False),
        scenarios_needed=entry.get("scenarios_needed"),
        ratio=ratio,
        rerun_se=entry.get("rerun_se"),
        variance=_two(entry.get("variance")),
        notes=tuple(entry.get("notes", ())),
        insufficient=entry.get("insufficient", False),
        min_clusters=entry.get("min_clusters"),
        corrected=_corrected(entry.get("corrected")),
    )


def change_from(entry: Mapping[str, Any]) -> ScenarioChange:
    """Return an entry of `worst_scenarios`; its sides may hold `prompt` and `thinking` besides.

    Raises:
        KeyError, TypeError: it is no such entry.
    """
    return ScenarioChange(
        template=entry["template"],
        scenario_id=entry["scenario_id"],
        family=entry["family"],
        attributes=entry["attributes"],
        ground_truth=entry["ground_truth"],
        change=entry["change"],
        baseline=_trial(entry["baseline"]),
        candidate=_trial(entry["candidate"]),
        neighbours=tuple((n["scenario_id"], n["cosine"]) for n in entry.get("neighbours", ())),
    )


def _corrected(entry: Mapping[str, Any] | None) -> CorrectedDifference | None:
    if entry is None or entry["interval"] is None:
        return None
    return CorrectedDifference(
        entry["difference"],
        (entry["interval"][0], entry["interval"][1]),
        entry["level"],
        entry["n_labelled"],
        entry["lambda"],
        entry["labels"],
        entry["labels_sha256"],
        _alone(entry.get("judge_alone")),
    )


def _alone(entry: Mapping[str, Any] | None) -> JudgeAlone | None:
    if entry is None:
        return None
    low, high = entry["interval"]
    return JudgeAlone(entry["difference"], (low, high), entry["p_value"], Verdict(entry["verdict"]))


def _trial(entry: Mapping[str, Any]) -> SideTrial:
    return SideTrial(
        prompt=entry.get("prompt", ""),
        text=entry["text"],
        thinking=entry.get("thinking", ""),
        answer=entry["answer"],
        failure=entry["failure"],
        scores=entry["scores"],
        latency_s=entry.get("latency_s"),
        remarks=entry.get("remarks", {}),
    )


def _two(values: Sequence[Any] | None) -> tuple[Any, Any] | None:
    return None if values is None else (values[0], values[1])


def _three(values: Sequence[Any] | None) -> tuple[Any, Any, Any] | None:
    return None if values is None else (values[0], values[1], values[2])
