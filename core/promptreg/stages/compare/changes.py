"""Which scenarios changed most, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptreg.policy import Policy
from promptreg.stages.compare.differences import tables_of
from promptreg.stages.compare.pairs import RunPair

__all__ = ["Change", "rank_changes"]


@dataclass(frozen=True, slots=True)
class Change:
    """One scenario's change on the composite (or the first gating metric), negative is worse.

    `attributes` begins with those that the policy slices or guards by: reports show the first few.
    """

    template: str
    scenario_id: str
    family: str
    attributes: dict[str, str]
    change: float | None


def rank_changes(pairs: Sequence[RunPair], policy: Policy) -> list[Change]:
    """Return every scenario, the worst change first; ties by the candidate's own score, then id.

    A scenario on which the measure does not apply comes last with `change` None. Where trials are
    gaps, the change is what is sure: the smallest that the scores which are missing leave open.
    """
    rows: list[tuple[float, float, str, Change]] = []
    for pair in pairs:
        metric = policy.gating[0]
        source, other = (
            tables_of(pair, policy, side)[metric] for side in ("baseline", "candidate")
        )
        scale = source.scale
        sign = 1.0 if scale.higher_is_better else -1.0
        width = scale.high - scale.low
        unit = width if np.isfinite(width) else 1.0
        with np.errstate(invalid="ignore"):
            cand = source.candidate.mean(axis=1)
            ends = [sign * (t.candidate - t.baseline).mean(axis=1) / unit for t in (source, other)]
            sure = np.clip(0.0, np.minimum(*ends), np.maximum(*ends))
        attributes = _judged_first(pair, policy)
        for i, scenario_id in enumerate(pair.scenario_ids):
            change = float(sure[i]) if source.applies[i] else None
            own = float(sign * cand[i]) if source.applies[i] else np.inf
            record = Change(
                template=pair.template,
                scenario_id=scenario_id,
                family=pair.baseline.families[i],
                attributes={k: v[i] for k, v in attributes if v[i]},
                change=change,
            )
            rows.append((np.inf if change is None else change, own, scenario_id, record))
    rows.sort(key=lambda row: row[:3])
    return [row[3] for row in rows]


def _judged_first(pair: RunPair, policy: Policy) -> list[tuple[str, tuple[str, ...]]]:
    parts = [*(guard.where for guard in policy.guards), *(limit.where for limit in policy.limits)]
    judged = dict.fromkeys([*policy.slices, *(name for where in parts for name in where)])
    places = {name: i for i, name in enumerate(judged)}
    return sorted(
        pair.baseline.attributes.items(), key=lambda item: places.get(item[0], len(places))
    )
